"""A CloudFormation custom resource: create the databases and bring their schemas up to date."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

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
    try:
        ran = [] if event["RequestType"] == "Delete" else migrate(database, all_migrations())
    except Exception as error:
        logger.exception("migration failed")
        return _tell(event, context, Status="FAILED", Reason=f"{error} (log stream {context.log_stream_name})"[:1000])
    logger.info("migrated", ran=ran)
    return _tell(event, context, Status="SUCCESS", Data={"Ran": len(ran)})


def _tell(event: dict[str, Any], context: LambdaContext, **outcome: Any) -> dict[str, Any]:
    answer = {
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"schema-{context.function_name}",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        **outcome,
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own presigned URL
        event["ResponseURL"], json.dumps(answer).encode(), {"content-type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=TIMEOUT).close()  # noqa: S310 - as above
    return answer
