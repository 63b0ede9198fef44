"""POST /orders with Powertools: its resolver validates, its idempotency repeats answers."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import boto3
from api import Problem, caller, headers
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Header
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from order_models import Order, WantedOrder, field
from order_store import CONFIG
from order_store import place as kept

ONCE = IdempotencyConfig(
    event_key_jmespath="scope",
    payload_validation_jmespath="lines",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=24 * 3600,
    hash_function="sha256",
)
ANSWERS = DynamoDBPersistenceLayer(
    table_name=os.environ["IDEMPOTENCY_TABLE"],
    boto3_client=boto3.client("dynamodb", region_name=os.environ["REGION"], config=CONFIG),
)

app = APIGatewayHttpResolver(enable_validation=True)


@app.exception_handler(Problem)
def refused(problem: Problem) -> Response[Any]:
    """Answer with a problem document."""
    text = json.dumps(problem.document(), ensure_ascii=False, separators=(",", ":"))
    return Response(problem.status, "application/problem+json", text, headers={**_headers(), **problem.headers})


@app.exception_handler(RequestValidationError)
def invalid(error: RequestValidationError) -> Response[Any]:
    """Answer with a problem document that names the fields."""
    errors = [(field(one), one["msg"]) for one in error.errors()]
    return refused(Problem(400, "invalid-input", "the request breaks the rules named here", errors))


@app.post("/orders")
def place(
    wanted: WantedOrder,
    key: Annotated[str, Header(alias="idempotency-key", pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$")],
) -> Response[Order]:
    """Place an order, once for each key."""
    customer_id = caller(app.current_event.raw_event)
    lines = [(line.sku, line.quantity) for line in wanted.lines]
    try:
        placed = _once(asked={"scope": f"{customer_id}#{key}", "customer_id": customer_id, "lines": lines})
    except IdempotencyAlreadyInProgressError:
        raise Problem(409, "request-in-flight", "this Idempotency-Key is being answered right now") from None
    except IdempotencyValidationError:
        raise Problem(422, "idempotency-key-reused", "this Idempotency-Key was used before") from None
    told = {**_headers(), "location": f"/orders/{placed['id']}"}
    return Response(202, "application/json", Order.model_validate(placed), headers=told)


@idempotent_function(data_keyword_argument="asked", config=ONCE, persistence_store=ANSWERS)
def _once(*, asked: dict[str, Any]) -> dict[str, Any]:
    return kept(asked["lines"], asked["customer_id"])


def _headers() -> dict[str, str]:
    return headers(app.current_event.raw_event)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let the resolver answer."""
    ONCE.register_lambda_context(context)
    return app.resolve(event, context)
