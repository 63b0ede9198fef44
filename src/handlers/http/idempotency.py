"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header) on Powertools' idempotency.

Its store answers repeats fast; the key in the decision's own transaction has the final word, so an expired,
freed or lost record here can never make a second order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from adapters.aws import client
from domain.errors import FieldProblem, InFlight, InvalidInput, KeyReused, Unavailable
from domain.idempotency import RETENTION, Key
from handlers.http.body import Body
from handlers.http.request import Caller, Request
from handlers.http.response import Response
from handlers.http.without_boto3 import without_boto3

with without_boto3():
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )
    from aws_lambda_powertools.utilities.idempotency.exceptions import (
        IdempotencyAlreadyInProgressError,
        IdempotencyValidationError,
    )

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

HEADER = "idempotency-key"
VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
"""Printable ASCII, as in a structured field's string (RFC 9651, section 3.3.3), of at most 255 characters."""


def required_key(request: Request, caller: Caller, operation: str, body: Body) -> Key:
    """Return the request's key, scoped to caller and operation, with the fingerprint of what it asks.

    Raises InvalidInput when the header is missing, empty, longer than 255 characters or not printable.
    """
    value = (request.header(HEADER) or "").strip()
    if not VALUE.fullmatch(value):
        detail = "send a new unique value, such as a UUID, of 1 to 255 printable ASCII characters with each new request"
        raise InvalidInput("an Idempotency-Key is required", [FieldProblem("Idempotency-Key", detail)])
    asked = {"path": dict(request.parameters), "body": body.model_dump(mode="json")}
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return Key(f"{caller.sub}#{operation}#{value}", sha256(canonical.encode()).hexdigest())


def _config(context: LambdaContext | None = None) -> IdempotencyConfig:
    return IdempotencyConfig(
        event_key_jmespath="scope",
        payload_validation_jmespath="fingerprint",
        raise_on_no_idempotency_key=True,
        expires_after_seconds=int(RETENTION.total_seconds()),
        hash_function="sha256",
        lambda_context=context,
    )


class Once:
    """Answers each key of one operation once and repeats that answer for RETENTION."""

    def __init__(self, operation: str, table: str) -> None:
        self._operation = operation
        self._store = DynamoDBPersistenceLayer(table_name=table, boto3_client=client("dynamodb"))
        # Powertools would do it at the first use, which several threads may make at once.
        self._store.configure(_config(), key_prefix=operation)

    def __call__(self, key: Key, request: Request, act: Callable[[], Response]) -> Response:
        """Return what `act` answers, or what it answered before. Raises InFlight, KeyReused, Unavailable.

        An `act` that raises frees the key. What it came to counts, whatever becomes of the record afterwards.
        """
        outcome = Future[Response]()

        def answer(*, asked: dict[str, str]) -> dict[str, Any]:  # noqa: ARG001 - what Powertools hashes
            try:
                outcome.set_result(act())
            except Exception as error:
                outcome.set_exception(error)
            response = outcome.result()
            return {"status": int(response.status), "body": response.body, "headers": dict(response.headers)}

        once = idempotent_function(
            answer,
            data_keyword_argument="asked",
            config=_config(request.context),
            persistence_store=self._store,
            key_prefix=self._operation,
        )
        try:
            first = once(asked={"scope": key.scope, "fingerprint": key.fingerprint})
            return Response(HTTPStatus(first["status"]), first["body"], first["headers"])
        except IdempotencyAlreadyInProgressError:
            raise InFlight("a request with this Idempotency-Key is being answered right now") from None
        except IdempotencyValidationError:
            raise KeyReused("this Idempotency-Key was used for another request; send a new key") from None
        except Exception as error:
            if outcome.done():
                return outcome.result()
            if isinstance(error.__cause__, BotoCoreError | ClientError):
                raise Unavailable("please send the same request again") from error
            return act()  # nobody can read the record, but the database knows the key
