"""A CloudFormation custom resource: create the databases and bring their schemas up to date."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import CloudFormationCustomResourceEvent

from adapters.postgres.migrations import all_migrations, migrate
from handlers.telemetry import logger
from handlers.wiring.database import database

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

TIMEOUT = 10


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Migrate on Create and Update, keep all data on Delete, and tell CloudFormation how it went.

    Source: CloudFormation User Guide, "Custom resource request/response objects".
    """
    request = CloudFormationCustomResourceEvent(event)
    try:
        ran = [] if request.request_type == "Delete" else migrate(database, all_migrations())
    except Exception as error:
        logger.exception("migration failed")
        reason = f"{error} (log stream {context.log_stream_name})"[:1000]
        return _tell(request, context, Status="FAILED", Reason=reason)
    logger.info("migrated", ran=ran)
    return _tell(request, context, Status="SUCCESS", Data={"Ran": len(ran)})


def _tell(request: CloudFormationCustomResourceEvent, context: LambdaContext, **outcome: Any) -> dict[str, Any]:
    answer = {
        "PhysicalResourceId": request.physical_resource_id or f"schema-{context.function_name}",
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
        **outcome,
    }
    put = urllib.request.Request(  # noqa: S310 - CloudFormation's own presigned URL
        request.response_url, json.dumps(answer).encode(), {"content-type": ""}, method="PUT"
    )
    urllib.request.urlopen(put, timeout=TIMEOUT).close()  # noqa: S310 - as above
    return answer
