"""GET /item/{id} with FastAPI behind Mangum.

The endpoint is `async` and its call to boto3 blocks: a process of Lambda's has one request at a time, and a thread for
each would only cost.
"""

from __future__ import annotations

from typing import Annotated, Any

from api import Problem, caller, headers
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from item_models import Item
from item_store import known, own
from mangum import Mangum

app = FastAPI(openapi_url=None)


@app.exception_handler(Problem)
async def refused(request: Request, problem: Problem) -> Response:
    """Answer with a problem document."""
    more = {**headers(request.scope["aws.event"]), **problem.headers}
    return JSONResponse(problem.document(), problem.status, more, "application/problem+json")


async def owner(request: Request) -> str:
    """Return who calls."""
    return caller(request.scope["aws.event"])


@app.get("/item/{item_id}", response_model=Item)
async def item(
    item_id: str,
    request: Request,
    response: Response,
    sub: Annotated[str, Depends(owner)],
    if_none_match: Annotated[str, Header()] = "",
) -> Any:
    """Answer with the caller's own item, or 304 when the caller knows this version."""
    found = own(item_id, sub)
    version = found["version"]["N"]
    told = {**headers(request.scope["aws.event"]), "etag": f'"{version}"'}
    if known(version, if_none_match):
        return Response(None, 304, told)
    response.headers.update(told)
    return {name: found[name]["S"] for name in Item.model_fields}


handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
