"""A CloudFormation custom resource: create the databases, bring their schemas up to date, make the services' roles."""

from __future__ import annotations

import json
import os
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import CloudFormationCustomResourceEvent

from adapters.postgres.database import WAKING, Database
from adapters.postgres.migrations import Migration, all_migrations, migrate
from adapters.postgres.roles import GRANTS, ensure_role
from handlers.telemetry import function, logger
from handlers.wiring.database import secret_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

TIMEOUT = 10


@function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Migrate on Create and Update, keep all data on Delete, and tell CloudFormation how it went.

    Source: CloudFormation User Guide, "Custom resource request/response objects".
    """
    request = CloudFormationCustomResourceEvent(event)
    try:
        ran = [] if request.request_type == "Delete" else _migrate_all()
    except Exception as error:
        logger.exception("migration failed")
        reason = f"{error} (log stream {context.log_stream_name})"[:1000]
        return _tell(request, context, Status="FAILED", Reason=reason)
    logger.info("migrated", ran=ran)
    return _tell(request, context, Status="SUCCESS", Data={"Ran": len(ran)})


def _migrate_all() -> list[str]:
    return [one for name, many in all_migrations().items() for one in _migrate(name, many)]


def _migrate(name: str, migrations: Sequence[Migration]) -> list[str]:
    secret, owner, sslmode = secret_of(name), secret_of(f"{name}_master"), os.environ["DATABASE_SSLMODE"]

    def as_master(on_server: str) -> Database:
        at = secret.current()
        return Database(on_server, lambda: owner.login(at), sslmode, lambda: owner.pending_login(at), WAKING)

    as_service = Database(name, secret.current, sslmode, secret.pending)
    ran = migrate(as_master, name, migrations)
    with closing(as_master(name)) as master, closing(as_service) as service:
        ensure_role(master, service, GRANTS[name])
    return ran


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
