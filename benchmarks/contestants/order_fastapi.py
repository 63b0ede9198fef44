"""POST /orders with FastAPI behind Mangum.

The endpoint is `async` and its calls block: a process of Lambda's has one request at a time, and a thread for each
would only cost.
"""

from __future__ import annotations

from typing import Annotated, Any

from api import Problem, caller, headers
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mangum import Mangum
from order_models import Order, WantedOrder, field
from order_once import once

app = FastAPI(openapi_url=None)


@app.exception_handler(Problem)
async def refused(request: Request, problem: Problem) -> Response:
    """Answer with a problem document."""
    more = {**headers(request.scope["aws.event"]), **problem.headers}
    return JSONResponse(problem.document(), problem.status, more, "application/problem+json")


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> Response:
    """Answer with a problem document that names the fields."""
    errors = [(field(one), one["msg"]) for one in error.errors()]
    return await refused(request, Problem(400, "invalid-input", "the request breaks the rules named here", errors))


async def customer(request: Request) -> str:
    """Return who calls."""
    return caller(request.scope["aws.event"])


@app.post("/orders", status_code=202, response_model=Order)
async def place(
    wanted: WantedOrder,
    request: Request,
    response: Response,
    customer_id: Annotated[str, Depends(customer)],
    key: Annotated[str, Header(alias="idempotency-key", pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$")],
) -> Any:
    """Place an order, once for each key."""
    lines = [(line.sku, line.quantity) for line in wanted.lines]
    placed, location = once(f"{customer_id}#{key}", lines, customer_id)
    response.headers.update({**headers(request.scope["aws.event"]), "location": location})
    return placed


handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
