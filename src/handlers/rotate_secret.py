"""A Secrets Manager rotation function: give a service's role, or a server's master, a new password.

Each role changes its own, so that no master's password is needed. From the second step to the last the new one is set
and not yet current; who signs in then finds it as pending (adapters.postgres.database).
"""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import SecretsManagerEvent

from adapters.postgres.database import WAKING, Database, Server
from adapters.postgres.roles import GRANTS, set_password, signs_in
from handlers.telemetry import function, logger
from handlers.wiring.database import secret_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from adapters.secrets import ServerSecret


DATABASES = {**{name: name for name in GRANTS}, **{f"{name}_master": "postgres" for name in GRANTS}}
"""Where the role of a secret can sign in, by the secret's name: the services, and the masters of their servers."""


class CannotRotate(Exception):
    """The secret is none of ours, none of its passwords is the role's, or the first step is missing."""


@function
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, str]:
    """Do one of the four steps; each may come again, also after the last.

    Source: Secrets Manager User Guide, "Lambda rotation functions".
    """
    request = SecretsManagerEvent(event)
    name = _named(request.secret_id)
    secret, version = secret_of(name), request.client_request_token
    if not secret.is_current(version):
        STEPS[request.step](name, secret, version)
    logger.info("rotated", step=request.step, service=name)
    return {"step": request.step, "service": name}


def _named(arn: str) -> str:
    for name in DATABASES:
        if os.environ.get(f"{name.upper()}_SECRET_ARN") == arn:
            return name
    raise CannotRotate("this secret is none of ours")


def _create(_: str, secret: ServerSecret, version: str) -> None:
    if secret.prepared(version) is None:
        secret.prepare(version, secrets.token_urlsafe(30))


def _set(name: str, secret: ServerSecret, version: str) -> None:
    """Set the new password by that of now; by the one before, where a server was restored from before its change."""
    new = _prepared(secret, version)
    for one in filter(None, (new, secret.current(), secret.previous())):
        with closing(_opened(name, one)) as database:
            if signs_in(database):
                set_password(database.connection(), new)
                return
    raise CannotRotate(f"{new.username} takes neither the new password, nor the current one, nor the one before")


def _test(name: str, secret: ServerSecret, version: str) -> None:
    with closing(_opened(name, _prepared(secret, version))) as database:
        database.query("SELECT 1")


def _finish(name: str, secret: ServerSecret, version: str) -> None:
    """Make the new password current, if it opens the database: a step may come late, or before its time."""
    _test(name, secret, version)
    secret.make_current(version)


STEPS = {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}


def _prepared(secret: ServerSecret, version: str) -> Server:
    found = secret.prepared(version)
    if found is None:
        raise CannotRotate("this version has no password yet: createSecret comes first")
    return found


def _opened(name: str, server: Server) -> Database:
    return Database(DATABASES[name], lambda: server, os.environ["DATABASE_SSLMODE"], patience=WAKING)
