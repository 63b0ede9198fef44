"""Custom resources: CloudFormation's event to the function, and its answer by PUT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from local import custom_resources
from local.custom_resources import run_custom_resource
from local.deployment import CustomResource
from local.model import Invocation
from local.state import LocalError


@pytest.fixture
def schema() -> CustomResource:
    properties = {"ServiceToken": {"Fn::GetAtt": ["MigrateFunction", "Arn"]}, "Migrations": "abc"}
    return CustomResource("Schema", {"Type": "Custom::Schema", "Properties": properties})


class Function:
    """A function that answers custom resources: with `answer` by PUT, then with `invocation`."""

    def __init__(self, answer: Mapping[str, Any] | None, invocation: Invocation) -> None:
        self.events: list[tuple[str, Any]] = []
        self._answer = answer
        self._invocation = invocation

    async def __call__(self, name: str, event: Any) -> Invocation:
        self.events.append((name, event))
        if self._answer:
            async with aiohttp.ClientSession() as http, http.put(event["ResponseURL"], json=self._answer) as answer:
                assert answer.status == 200
        return self._invocation


DONE = Invocation(b"{}")


async def test_the_function_gets_cloudformation_s_create_event(schema: CustomResource) -> None:
    function = Function({"Status": "SUCCESS"}, DONE)
    await run_custom_resource(schema, function)
    ((name, event),) = function.events
    assert name == "MigrateFunction"
    assert (event["RequestType"], event["ResourceType"], event["LogicalResourceId"]) == (
        "Create",
        "Custom::Schema",
        "Schema",
    )
    assert event["ResourceProperties"] == {"Migrations": "abc"}
    assert event.keys() >= {"StackId", "RequestId", "ResponseURL"}


async def test_a_failure_is_told_with_its_reason(schema: CustomResource) -> None:
    with pytest.raises(LocalError, match="Schema failed: no such table"):
        await run_custom_resource(schema, Function({"Status": "FAILED", "Reason": "no such table"}, DONE))
    with pytest.raises(LocalError, match="Schema failed: no reason given"):
        await run_custom_resource(schema, Function({"Status": "FAILED"}, DONE))


async def test_a_function_that_fails_is_told_with_its_error(schema: CustomResource) -> None:
    failed = Invocation(json.dumps({"errorMessage": "out of memory", "errorType": "E"}).encode(), "Unhandled")
    with pytest.raises(LocalError, match="Schema failed: out of memory"):
        await run_custom_resource(schema, Function(None, failed))


async def test_a_function_that_never_answers_is_not_waited_for_for_ever(
    schema: CustomResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom_resources, "SECONDS", 0.05)
    with pytest.raises(LocalError, match=r"Schema did not answer within 0\.05 s"):
        await run_custom_resource(schema, Function(None, DONE))
