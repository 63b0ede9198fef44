"""Custom resources as CloudFormation runs them: an event to the function, an answer by PUT.

Source: CloudFormation User Guide, "Custom resource request/response objects".
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from aiohttp import web

from local.deployment import STACK, CustomResource
from local.listening import port_of, serve
from local.model import Invoke
from local.state import LocalError

SECONDS = 60


async def run_custom_resource(resource: CustomResource, invoke: Invoke) -> None:
    """Create a custom resource. Raises LocalError with the reason when it fails or does not answer."""
    answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def receive(request: web.Request) -> web.Response:
        if not answered.done():
            answered.set_result(json.loads(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_put("/", receive)
    runner = await serve(app, "127.0.0.1", 0)
    try:
        invocation = await invoke(resource.function, _event(resource, f"http://127.0.0.1:{port_of(runner)}/"))
        if invocation.error:
            raise LocalError(f"{resource.name} failed: {invocation.json().get('errorMessage')}")
        answer = await asyncio.wait_for(answered, SECONDS)
    except TimeoutError:
        raise LocalError(f"{resource.name} did not answer within {SECONDS} s") from None
    finally:
        await runner.cleanup()
    if answer["Status"] != "SUCCESS":
        raise LocalError(f"{resource.name} failed: {answer.get('Reason', 'no reason given')}")


def _event(resource: CustomResource, url: str) -> dict[str, Any]:
    return {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": f"arn:aws:cloudformation:us-east-1:000000000000:stack/{STACK}/local",
        "RequestId": str(uuid.uuid4()),
        "ResourceType": resource.type,
        "LogicalResourceId": resource.name,
        "ResourceProperties": resource.properties,
    }
