"""The HTTP edge: what holds for every endpoint."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from handlers.http.body import MAX_BYTES
from handlers.http.routes import ROUTES
from tests.events import Context, caller, http
from tests.integration.conftest import Call
from tests.openapi import template_of
from tests.template import handlers

ADMINS = {
    *("create_user", "list_users", "create_product", "update_product", "delete_product"),
    *("receive_stock", "adjust_stock", "list_movements", "list_inventory"),
    *("list_dead_letters", "get_dead_letter", "redrive_dead_letters", "purge_dead_letters"),
}
CUSTOMERS = {
    *("get_me", "delete_me", "change_password", "logout_user"),
    *("create_order", "list_orders", "get_order", "cancel_order", "get_inventory"),
    *("create_item", "list_items", "get_item", "update_item", "delete_item"),
}
"""Whoever has signed in may call these."""


def is_public(module: str) -> bool:
    """Say whether the template lets requests to a function pass by the authorizer."""
    (event,) = (one["Properties"] for one in handlers()[module]["Events"].values() if one["Type"] == "HttpApi")
    return bool(event.get("Auth", {}).get("Authorizer") == "NONE")


def parameters(path: str) -> dict[str, str]:
    return {
        name: value for name, value in {"sku": "TEA", "id": "x", "queue": "orders"}.items() if f"{{{name}}}" in path
    }


def filled_in(path: str) -> str:
    return path.replace("{sku}", "TEA").replace("{id}", "1").replace("{queue}", "orders")


SIGNED_IN = [pytest.param(module, parameters(path), id=module) for _, path, module in ROUTES if not is_public(module)]
ADMINS_ONLY = [pytest.param(module, parameters(path), id=module) for _, path, module in ROUTES if module in ADMINS]
CUSTOMERS_TOO = [pytest.param(module, parameters(path), id=module) for _, path, module in ROUTES if module in CUSTOMERS]


def test_every_route_that_is_not_public_says_who_may_call_it() -> None:
    assert not ADMINS & CUSTOMERS
    assert {module for _, _, module in ROUTES if not is_public(module)} == ADMINS | CUSTOMERS


def test_health_answers(call: Call) -> None:
    answer = call("health")

    assert (answer.status, answer.body) == (200, {"status": "ok"})
    assert answer.headers["content-type"] == "application/json"


def test_every_answer_has_safe_headers(call: Call) -> None:
    for answer in (call("health"), call("not_found"), call("get_me")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "max-age" in answer.headers["strict-transport-security"]


def default(method: str, path: str, query: str = "") -> dict[str, Any]:
    """Return the event of a request that no route took."""
    event = http("not_found")
    event["requestContext"]["http"]["method"] = method
    event["rawPath"] = path
    event["rawQueryString"] = query
    return event


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/orders/1/2/3", "/health/more", "/user/nobody", "/products/TEA/x", "//"]
)
def test_an_unknown_path_is_not_found(invoke: Any, path: str) -> None:
    answer = invoke("not_found", default("GET", path))

    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["type"] == "urn:tradepost:problem:not-found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/orders", "GET, OPTIONS, POST"),
        ("POST", "/products/TEA", "DELETE, GET, OPTIONS, PUT"),
        ("POST", "/inventory/TEA", "GET, OPTIONS"),
        ("GET", "/user/login", "OPTIONS, POST"),
        ("POST", "/health", "GET, OPTIONS"),
        ("HEAD", "/inventory/TEA/receipts", "OPTIONS, POST"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_named_so(invoke: Any, method: str, path: str, allow: str) -> None:
    answer = invoke("not_found", default(method, path))

    assert answer["statusCode"] == 405
    assert answer["headers"]["allow"] == allow
    assert json.loads(answer["body"])["status"] == 405


@pytest.mark.parametrize(("_method", "path", "_module"), ROUTES)
@pytest.mark.parametrize("end", ["", "/"])
def test_every_path_says_which_methods_it_has(invoke: Any, _method: str, path: str, _module: str, end: str) -> None:
    """Without a token: a browser asks so before it sends one."""
    answer = invoke("not_found", default("OPTIONS", (filled := filled_in(path)) + end))

    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert answer["headers"]["allow"].split(", ") == sorted(
        {"OPTIONS", *(m for m, p, _ in ROUTES if template_of(m, filled) == p)}
    )


def test_a_path_that_does_not_exist_has_no_methods(invoke: Any) -> None:
    assert invoke("not_found", default("OPTIONS", "/nothing"))["statusCode"] == 404


@pytest.mark.parametrize(("method", "path", "_module"), ROUTES)
def test_a_path_with_a_slash_at_its_end_is_redirected(invoke: Any, method: str, path: str, _module: str) -> None:
    """Where it leads the authorizer stands; 308 keeps method and body (RFC 9110, section 15.4.9)."""
    path = filled_in(path)

    answer = invoke("not_found", default(method, f"{path}/", "limit=2"))

    assert answer["statusCode"] == 308
    assert answer["headers"]["location"] == f"{path}?limit=2"
    assert invoke("not_found", default(method, f"{path}/"))["headers"]["location"] == path


def test_a_redirect_leads_to_this_site_and_is_escaped(invoke: Any) -> None:
    answer = invoke("not_found", default("GET", "/products/a b\r\nset-cookie: c?d#é/"))

    assert answer["statusCode"] == 308
    assert answer["headers"]["location"] == "/products/a%20b%0D%0Aset-cookie:%20c%3Fd%23%C3%A9"
    assert invoke("not_found", default("GET", "//evil.example/"))["statusCode"] == 404


@pytest.mark.parametrize(("module", "path"), SIGNED_IN)
@pytest.mark.parametrize("by", [None, {}, {"sub": "", "exp": "9999999999"}, {"sub": "ann"}, caller(seconds=-1)])
def test_without_a_living_token_a_handler_refuses(call: Call, module: str, path: Any, by: Any) -> None:
    """Also when no authorizer stood in front, or its answer was cached beyond the token's end."""
    answer = call(module, {}, path=path, by=by)

    assert answer.problem() == (401, "unauthenticated")


@pytest.mark.parametrize(("module", "path"), ADMINS_ONLY)
@pytest.mark.parametrize("groups", ["", "staff", "administrators", "ADMIN"])
def test_without_the_group_a_handler_refuses(call: Call, module: str, path: Any, groups: str) -> None:
    answer = call(module, {}, path=path, by=caller(groups=groups))

    assert answer.problem() == (403, "forbidden")


@pytest.mark.parametrize(("module", "path"), CUSTOMERS_TOO)
def test_whoever_has_signed_in_is_not_asked_for_a_group(call: Call, module: str, path: Any) -> None:
    assert call(module, {}, path=path, by=caller()).status != 403


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_another_media_type_is_refused(call: Call, media_type: str) -> None:
    answer = call("login_user", "{}", headers={"content-type": media_type})

    assert answer.problem() == (415, "media-type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json_however_it_is_written(call: Call, media_type: str) -> None:
    assert call("login_user", "{}", headers={"Content-Type": media_type}).status == 400


def test_a_body_that_is_too_large_is_refused(call: Call) -> None:
    answer = call("login_user", " " * (MAX_BYTES + 1))

    assert answer.problem() == (413, "too-large")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param('{"username": "a", "username": "b", "password": "x"}', "twice", id="a member twice"),
        pytest.param('{"username": "a", "password": NaN}', "NaN", id="NaN"),
        pytest.param('{"username": "a", "password": -Infinity}', "Infinity", id="infinity"),
        pytest.param('{"username": "a\0", "password": "x"}', "JSON", id="a NUL"),
        pytest.param('{"user\\u0000name": "a"}', "NUL", id="a NUL in a name"),
        pytest.param('{"username": ' + "9" * 5000 + "}", "digits", id="a huge number"),
        pytest.param('{"a":' * 5000 + "1" + "}" * 5000, "deeply", id="deep nesting"),
        pytest.param("{'username': 'a'}", "line 1, column 2", id="no JSON"),
    ],
)
def test_what_parsers_read_differently_is_refused_and_said(call: Call, body: str, problem: str) -> None:
    answer = call("login_user", body)

    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "body")
    assert problem in answer.body["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param('{"username": "a\\u0000", "password": "x"}', "username", id="in a field"),
        pytest.param('{"a": [1, ["\\u0000"]]}', "a[1][0]", id="further down"),
    ],
)
def test_a_nul_is_refused_where_it_stands(call: Call, body: str, field: str) -> None:
    answer = call("login_user", body)

    assert answer.status == 400
    assert answer.body["errors"] == [{"field": field, "message": "holds a NUL character"}]


def test_half_a_character_is_refused(call: Call) -> None:
    answer = call("login_user", '{"username": "\\ud800", "password": "x"}')

    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "username")


def test_bytes_that_are_no_text_are_refused(call: Call) -> None:
    answer = call("login_user", base64.b64encode(b'{"username": "\xff"}').decode(), base64_encoded=True)

    assert (answer.status, answer.body["errors"][0]["message"]) == (400, "is not UTF-8 text")


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"text"', "{}x", '{"a": NaN}', "[" * 5000])
def test_what_is_no_json_object_is_refused(call: Call, body: str) -> None:
    answer = call("login_user", body)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields()


def test_each_wrong_field_is_named(call: Call) -> None:
    answer = call("login_user", {"username": 7, "pass": "x"})

    assert answer.problem() == (400, "invalid-input")
    assert sorted(answer.fields()) == ["pass", "password", "username"]


def test_a_problem_does_not_repeat_what_was_sent(call: Call) -> None:
    answer = call("login_user", {"username": "ann", "password": 123454321, "token": "very-secret"})

    assert "123454321" not in answer.text
    assert "very-secret" not in answer.text


def test_a_body_may_come_in_base64(call: Call) -> None:
    text = base64.b64encode(json.dumps({"username": "nobody", "password": "x" * 12}).encode()).decode()

    assert call("login_user", text, base64_encoded=True).status == 401


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"\xff\xfe").decode()])
def test_a_body_in_broken_base64_is_refused(call: Call, text: str) -> None:
    assert call("login_user", text, base64_encoded=True).problem() == (400, "invalid-input")


def test_text_that_is_no_unicode_is_refused(call: Call) -> None:
    assert call("login_user", '{"username": "\ud800"}').problem() == (400, "invalid-input")


def test_every_request_leaves_one_line_with_its_id(call: Call, log: Any) -> None:
    answer = call("health")

    (line,) = log()
    assert (line["message"], line["route"], line["status"]) == ("answered", "GET /health", 200)
    assert line["correlation_id"] == answer.headers["x-request-id"]


def test_our_own_mistake_is_a_500_that_tells_nothing(call: Call, log: Any, rewire: Any) -> None:
    """Only an id to quote; what went wrong stands in the log."""
    rewire(PRODUCT_SECRET_ARN="arn:aws:secretsmanager:eu-west-1:000000000000:secret:none-of-ours")

    answer = call("get_product", path={"sku": "TEA"})

    assert answer.problem() == (500, "unexpected")
    assert answer.headers["x-request-id"] in answer.body["detail"]
    for told in ("Traceback", "secret", "Exception", "arn:", "SELECT"):
        assert told not in answer.text
    assert [line["level"] for line in log()] == ["ERROR", "INFO"]
    assert "ResourceNotFoundException" in json.dumps(log()[0])


def test_a_database_that_is_down_is_unavailable(call: Call, log: Any, rewire: Any, ministack: Any) -> None:
    """Where it stands is nobody's business; why it does not answer stands in the log."""
    rewire(PRODUCT_SECRET_ARN=ministack.secret({"host": "127.0.0.1", "port": 1, "username": "u", "password": "p"}))

    answer = call("get_product", path={"sku": "TEA"})

    assert answer.problem() == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    for told in ("127.0.0.1", "port", "refused"):
        assert told not in answer.text
    assert "Connection refused" in json.dumps(log()[0])


def test_a_worker_answers_again_and_again(invoke: Any) -> None:
    for _ in range(3):
        assert invoke("health", http("health"), Context())["statusCode"] == 200
