"""What the local Lambda service promises to boto3 and to anyone with an HTTP client."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.lambda_api import LambdaApi
from local.model import Invocation
from local.state import LocalError

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
FAILED = Invocation(b'{"errorType": "KeyError", "errorMessage": "sku"}', "Unhandled")


class Functions:
    """A fake of the function runner: gives its answers in turn (the last one for ever), remembers events."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answers: list[Invocation | Exception] = [Invocation(b'{"ok": true}')]
        self.changed = asyncio.Condition()

    async def __call__(self, name: str, event: Any) -> Invocation:
        async with self.changed:
            self.calls.append((name, event))
            self.changed.notify_all()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def called(self, times: int) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: len(self.calls) >= times)


@pytest.fixture
async def functions() -> Functions:
    return Functions()


async def status() -> Mapping[str, Any]:
    return {"functions": {"OrdersFunction": "idle"}}


@pytest.fixture
async def api(functions: Functions) -> AsyncIterator[LambdaApi]:
    api = LambdaApi(
        invoke=functions,
        functions=lambda: {"OrdersFunction": object()},
        status=status,
        retry_delays=(0, 0),
    )
    yield api
    await api.stop()


@pytest.fixture
async def url(api: LambdaApi) -> str:
    return f"http://127.0.0.1:{await api.start('127.0.0.1', 0)}"


Call = Callable[..., Any]


@pytest.fixture
async def invoke(url: str) -> AsyncIterator[Call]:
    """boto3's `invoke` in a thread."""
    client = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )

    async def call(name: str = "OrdersFunction", payload: bytes = b'{"id": 1}', **options: Any) -> Any:
        return await asyncio.to_thread(client.invoke, FunctionName=name, Payload=payload, **options)

    yield call
    client.close()


async def refused(call: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        await call
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


async def test_request_response_returns_the_payload(invoke: Call, functions: Functions) -> None:
    answer = await invoke()
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["ResponseMetadata"]["RequestId"]
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"ok": True}
    assert functions.calls == [("OrdersFunction", {"id": 1})]


async def test_a_function_error_is_a_200_that_says_so(invoke: Call, functions: Functions) -> None:
    functions.answers = [FAILED]
    answer = await invoke()
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "KeyError"
    assert len(functions.calls) == 1


@pytest.mark.parametrize(
    "name",
    [
        "OrdersFunction",
        "OrdersFunction:live",
        f"{ARN}OrdersFunction",
        f"{ARN}OrdersFunction:7",
        "000000000000:function:OrdersFunction",
    ],
)
async def test_functions_go_by_name_and_arn_whatever_the_qualifier(
    invoke: Call, functions: Functions, name: str
) -> None:
    await invoke(name)
    await invoke("OrdersFunction", Qualifier="live")
    assert [called for called, _ in functions.calls] == ["OrdersFunction"] * 2


async def test_no_payload_is_an_empty_object(url: str, functions: Functions) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}/2015-03-31/functions/OrdersFunction/invocations")
    assert functions.calls == [("OrdersFunction", {})]


async def test_an_event_is_accepted_and_run_behind(invoke: Call, functions: Functions) -> None:
    answer = await invoke(InvocationType="Event")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    await functions.called(1)
    assert functions.calls == [("OrdersFunction", {"id": 1})]


@pytest.mark.parametrize("failure", [FAILED, RuntimeError("no sandbox")])
async def test_an_event_that_fails_is_tried_twice_more(
    invoke: Call, functions: Functions, failure: Invocation | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    functions.answers = [failure]
    await invoke(InvocationType="Event")
    await functions.called(3)
    functions.answers = [Invocation(b"null")]
    await invoke()
    assert len(functions.calls) == 4
    assert "gave up an event for OrdersFunction" in caplog.text


async def test_an_event_that_succeeds_at_last_is_done(invoke: Call, functions: Functions) -> None:
    functions.answers = [FAILED, Invocation(b"null")]
    await invoke(InvocationType="Event")
    await functions.called(2)
    await invoke()
    assert len(functions.calls) == 3


async def test_a_dry_run_runs_nothing(invoke: Call, functions: Functions) -> None:
    assert (await invoke(InvocationType="DryRun"))["StatusCode"] == 204
    assert functions.calls == []


async def test_an_unknown_function_is_not_found(invoke: Call) -> None:
    expected = (404, "ResourceNotFoundException", f"Function not found: {ARN}NoFunction")
    assert await refused(invoke("NoFunction")) == expected


async def test_errors_have_lambdas_shape(url: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/2015-03-31/functions/NoFunction/invocations") as response,
    ):
        assert response.headers["x-amzn-errortype"].startswith("ResourceNotFoundException:")
        assert response.headers["x-amzn-requestid"]
        assert await response.json() == {"Type": "User", "Message": f"Function not found: {ARN}NoFunction"}


@pytest.mark.parametrize("payload", [b"{not json", b"\xff", b"[" * 100_000])
async def test_a_payload_must_be_json(invoke: Call, functions: Functions, payload: bytes) -> None:
    status, code, message = await refused(invoke(payload=payload))
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json")
    assert functions.calls == []


async def test_an_unknown_invocation_type_is_invalid(url: str) -> None:
    async with (
        aiohttp.ClientSession(headers={"X-Amz-Invocation-Type": "Soon"}) as session,
        session.post(f"{url}/2015-03-31/functions/OrdersFunction/invocations") as response,
    ):
        assert response.status == 400
        assert response.headers["x-amzn-errortype"].startswith("InvalidParameterValueException:")


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6 * 1024 * 1024), ("Event", 1024 * 1024)])
async def test_a_payload_has_its_limit(invoke: Call, functions: Functions, kind: str, limit: int) -> None:
    fitting, too_long = b'"%s"' % (b"x" * (limit - 2)), b'"%s"' % (b"x" * (limit - 1))
    await invoke(payload=fitting, InvocationType=kind)
    status, code, message = await refused(invoke(payload=too_long, InvocationType=kind))
    assert (status, code) == (413, "RequestTooLargeException")
    assert str(limit) in message
    await functions.called(1)
    assert len(functions.calls) == 1


@pytest.mark.parametrize(("kind", "megabytes"), [("RequestResponse", 7), ("Event", 2)])
async def test_a_payload_of_unknown_length_has_its_limit_too(
    url: str, functions: Functions, kind: str, megabytes: int
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(megabytes):
            yield bytes(1024 * 1024)

    async with (
        aiohttp.ClientSession(headers={"X-Amz-Invocation-Type": kind}) as session,
        session.post(f"{url}/2015-03-31/functions/OrdersFunction/invocations", data=chunks()) as response,
    ):
        assert response.status == 413
    assert functions.calls == []


async def test_what_cannot_be_invoked_is_the_services_error(
    invoke: Call, functions: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    functions.answers = [RuntimeError("no sandbox")]
    assert await refused(invoke()) == (500, "ServiceException", "RuntimeError: no sandbox")
    assert "invoking OrdersFunction" in caplog.text


async def test_status_is_the_stacks_state(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/status") as response:
        assert await response.json() == {"functions": {"OrdersFunction": "idle"}}


async def test_a_status_that_cannot_be_had_now_is_a_503(functions: Functions) -> None:
    async def fail() -> Any:
        raise LocalError("the database does not answer")

    api = LambdaApi(invoke=functions, functions=dict, status=fail)
    port = await api.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/status") as response:
        assert (response.status, await response.json()) == (503, {"Message": "the database does not answer"})
    await api.stop()


async def test_stop_gives_up_events_and_frees_the_port() -> None:
    running, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(_: str, __: Any) -> Invocation:
        running.set()
        try:
            return await asyncio.Event().wait() and FAILED
        finally:
            cancelled.set()

    api = LambdaApi(invoke=endless, functions=lambda: {"F": 1}, status=status)
    port = await api.start("127.0.0.1", 0)
    async with (
        aiohttp.ClientSession(headers={"X-Amz-Invocation-Type": "Event"}) as session,
        session.post(f"http://127.0.0.1:{port}/2015-03-31/functions/F/invocations") as response,
    ):
        assert response.status == 202
    async with asyncio.timeout(5):
        await running.wait()
    await api.stop()
    assert cancelled.is_set()
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_a_busy_port_is_an_os_error(api: LambdaApi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match=r"[Aa]ddress.*in use"):
        await api.start("127.0.0.1", taken.getsockname()[1])
