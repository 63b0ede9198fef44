"""template.yaml says what the code says: routes, handlers, variables, limits."""

from __future__ import annotations

import importlib.util
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.letters import HELD
from adapters.postgres.database import CONNECT_TIMEOUT
from adapters.postgres.migrations import all_migrations, fingerprint
from adapters.postgres.roles import GRANTS, TIMEOUTS
from adapters.publisher import longest
from domain.identity.accounts import Standing
from domain.identity.enrolling import LEASE, LIFE
from domain.letters.poison import LIMIT
from handlers.http.routes import ROUTES
from tests.openapi import described
from tests.template import functions, handlers, of_type, template, variables

PUBLIC = {
    ("POST", "/user/resend"),
    ("POST", "/user/login/challenge"),
    ("POST", "/user/refresh"),
    ("POST", "/user/password/forgot"),
    ("POST", "/user/password/reset"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("POST", "/user/register"),
    ("POST", "/user/confirm"),
    ("POST", "/user/login"),
    ("GET", "/products"),
    ("GET", "/products/{sku}"),
}


def http_events() -> list[tuple[str, dict[str, Any]]]:
    """Return (module, event properties) of every HTTP event."""
    return [
        (function["Handler"].split(".")[1], event["Properties"])
        for function in functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def is_public(event: dict[str, Any]) -> bool:
    return event.get("Auth", {}).get("Authorizer") == "NONE"


def test_every_route_of_the_code_is_one_of_the_template_and_the_reverse() -> None:
    in_template = {(event["Method"], event["Path"], module) for module, event in http_events() if "Path" in event}

    assert in_template == set(ROUTES)


def test_exactly_these_routes_are_public() -> None:
    """Everything else stands behind the authorizer, which is the API's default."""
    public = {(event.get("Method"), event.get("Path")) for _, event in http_events() if is_public(event)}

    assert public == {*PUBLIC, (None, None)}
    assert of_type("AWS::Serverless::HttpApi")["Api"]["Auth"]["DefaultAuthorizer"] == "Jwt"


NOT_THROTTLED = {("POST", "/user/refresh")}
"""Tokens are refreshed for everybody in an office at once, and cannot be guessed."""


CHECKS_A_SECRET = {("POST", "/user/password")}
"""Of those who have signed in."""


def test_exactly_the_calls_that_check_secrets_or_send_mail_are_throttled() -> None:
    throttled = {(method, path) for method, path, module in ROUTES if "THROTTLE_TABLE" in variables(module)}

    public = {(method, path) for method, path in PUBLIC if method == "POST"}
    assert throttled == public - NOT_THROTTLED | CHECKS_A_SECRET
    assert [name for name in handlers() if "CALLS_PER_MINUTE" in variables(name)] == [
        name for name in handlers() if "THROTTLE_TABLE" in variables(name)
    ]


def test_handlers_trust_the_authorizer_which_stands_in_front() -> None:
    said = template()["Globals"]["Function"]["Environment"]["Variables"]["TOKENS_VERIFIED_BY"]

    assert said == "gateway"
    assert not [name for name, own in functions().items() if "FunctionUrlConfig" in own]


def test_what_no_route_takes_goes_to_not_found() -> None:
    """Also every path with a slash at its end, of which HTTP APIs take no route."""
    defaults = [module for module, event in http_events() if "Path" not in event]

    assert defaults == ["not_found"]
    assert not [path for _, path, _ in ROUTES if path.endswith("/")]


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_function_and_its_handler_are_named_alike(name: str) -> None:
    """GetOrderFunction is handlers.get_order.handler, which exists."""
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Function")).lower()

    assert functions()[name]["Handler"] == f"handlers.{module}.handler"
    assert importlib.util.find_spec(f"handlers.{module}")
    assert functions()[name]["Description"]


def test_a_message_stays_invisible_for_six_times_as_long_as_its_function_may_run() -> None:
    """Source: Lambda Developer Guide, "Configuring an Amazon SQS queue for use as an event source"."""
    queues = of_type("AWS::SQS::Queue")
    consumed = {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]: function["Timeout"]
        for function in functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    }

    assert consumed
    for queue, timeout in consumed.items():
        assert queues[queue]["VisibilityTimeout"] >= 6 * timeout, queue
        assert queues[queue]["RedrivePolicy"]["maxReceiveCount"] >= 5, queue


def test_the_largest_letter_of_a_stream_record_fits_into_its_queue() -> None:
    assert of_type("AWS::SQS::Queue")["ProjectionFailures"]["MaximumMessageSize"] > LIMIT


def test_a_database_that_does_not_answer_is_given_up_before_the_function_ends() -> None:
    """Two tries, the second with fresh credentials; then there is time left to say so."""
    timeouts = [own["Timeout"] for name, own in handlers().items() if "DATABASE_SSLMODE" in variables(name)]

    assert min(timeouts) > 2 * CONNECT_TIMEOUT


def test_a_function_ends_before_the_letters_that_it_holds_are_seen_by_others() -> None:
    """Were it later, two might send one letter back, or give up what another sends back."""
    holders = [own["Timeout"] for name, own in handlers().items() if name.endswith(("dead_letter", "dead_letters"))]

    assert len(holders) == 4
    assert max(holders) < HELD


def test_every_event_source_reports_partial_failures_and_can_be_switched_off() -> None:
    sources = [
        event["Properties"]
        for function in functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] in ("SQS", "Kinesis")
    ]

    assert len(sources) == 3
    for source in sources:
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "ConsumesEvents" in str(source["Enabled"])


def test_the_schema_is_migrated_whenever_a_migration_or_a_right_changes() -> None:
    expected = fingerprint(all_migrations(), GRANTS, TIMEOUTS)

    assert str(template()["Resources"]["DatabaseSchema"]["Properties"]["Migrations"]) == expected, (
        f"migrations or rights have changed: set DatabaseSchema.Migrations in template.yaml to {expected}"
    )


@pytest.mark.parametrize(
    ("module", "queues"),
    [
        ("create_order", {"ORDERS_QUEUE_URL"}),
        ("process_orders", {"SHIPPING_QUEUE_URL"}),
        ("relay_outbox", {"ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL"}),
        ("update_stocks", set()),
        ("cancel_order", set()),
        ("redrive_dead_letters", {"ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL"}),
        ("purge_dead_letters", set()),
        ("receive_stock", set()),
        ("adjust_stock", set()),
        ("sweep_orders", {"ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL"}),
    ],
)
def test_writers_know_the_stream_and_the_queues_that_they_write_to(module: str, queues: set[str]) -> None:
    given = variables(module)

    assert ("STREAM_NAME" in given) == (module != "sweep_orders"), "a sweep sends tasks alone"
    assert given & {"ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL"} == queues


@pytest.mark.parametrize(
    "module",
    [
        "create_order", "cancel_order", "receive_stock", "adjust_stock", "purge_dead_letters", "process_orders",
        "update_stocks",
    ],
)  # fmt: skip
def test_what_is_committed_is_answered_for_though_neither_queues_nor_stream_answer(module: str) -> None:
    """With 5 s for all else, and before API Gateway's 30 s are over; who dies would call undone what is done."""
    topics = len(variables(module) & {"ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL", "STREAM_NAME"})

    assert longest(topics) + 5 <= handlers()[module]["Timeout"] <= 30


@pytest.mark.parametrize("module", ["relay_outbox", "sweep_orders"])
def test_a_round_fits_into_an_invocation_that_first_tries_twice_to_reach_the_database(module: str) -> None:
    from handlers.rounds import ROUND  # noqa: PLC0415 - handlers are imported when a test needs them

    assert handlers()[module]["Timeout"] >= ROUND + 2 * CONNECT_TIMEOUT


RESOURCES = {
    "ORDERS_QUEUE_URL": ("sqs:SendMessage", "OrdersQueue"),
    "SHIPPING_QUEUE_URL": ("sqs:SendMessage", "ShippingQueue"),
    "ORDERS_DEAD_LETTERS_URL": ("sqs:", "OrdersDeadLetters"),
    "SHIPPING_DEAD_LETTERS_URL": ("sqs:", "ShippingDeadLetters"),
    "PROJECTION_DEAD_LETTERS_URL": ("sqs:", "ProjectionFailures"),
    "STREAM_NAME": ("kinesis:PutRecords", "Stream"),
    "IDEMPOTENCY_TABLE": ("dynamodb:", "IdempotencyTable"),
    "INVENTORY_TABLE": ("dynamodb:", "InventoryTable"),
    "ORDER_COUNTS_TABLE": ("dynamodb:", "OrderCountsTable"),
    "USERS_TABLE": ("dynamodb:", "UsersTable"),
    "FAILURES_TABLE": ("dynamodb:", "FailuresTable"),
    "THROTTLE_TABLE": ("dynamodb:", "ThrottleTable"),
    "ITEMS_TABLE": ("dynamodb:", "ItemsTable"),
    "USER_POOL_ID": ("cognito-idp:Admin", "UserPool"),
    "PRODUCT_SECRET_ARN": ("secretsmanager:GetSecretValue", "ProductSecret"),
    "INVENTORY_SECRET_ARN": ("secretsmanager:GetSecretValue", "InventorySecret"),
    "USER_SECRET_ARN": ("secretsmanager:GetSecretValue", "UserSecret"),
    "PRODUCT_MASTER_SECRET_ARN": ("secretsmanager:GetSecretValue", "DatabaseSecretArn"),
    "INVENTORY_MASTER_SECRET_ARN": ("secretsmanager:GetSecretValue", "DatabaseSecretArn"),
    "USER_MASTER_SECRET_ARN": ("secretsmanager:GetSecretValue", "DatabaseSecretArn"),
}
"""How the actions begin, and the resource, that a variable names."""


@pytest.mark.parametrize("module", sorted(handlers()))
def test_a_function_may_use_what_its_variables_name_and_nothing_else(module: str) -> None:
    allowed = {
        (action, named_in(resource))
        for statement in statements(handlers()[module])
        for resource in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
        for action in statement["Action"]
    }
    named = {resource: action for name, (action, resource) in RESOURCES.items() if name in variables(module)}

    assert {resource for _, resource in allowed} == set(named)
    assert not [action for action, resource in allowed if not action.startswith(named[resource])]


def named_in(resource: Any) -> str:
    """Return the one resource that !GetAtt, !Ref or !Sub names."""
    (name,) = {name for _, name in RESOURCES.values() if re.search(rf"['{{]{name}\b", str(resource))}
    return name


WIRED = {"products": "PRODUCT_SECRET_ARN", "decisions": "INVENTORY_SECRET_ARN", "users": "USER_SECRET_ARN"}
"""The secret behind each part of the wiring that may reach PostgreSQL."""


@pytest.mark.parametrize("module", sorted(set(handlers()) - {"migrate_database"}))
def test_a_function_signs_in_as_those_services_whose_adapters_it_uses(module: str) -> None:
    imported = re.findall(r"from handlers\.wiring\.(?:database|users) import (.+)", source(module))
    used = {WIRED[part] for parts in imported for part in parts.split(", ")}

    assert {name for name in variables(module) if name.endswith("_SECRET_ARN")} == used
    assert ("DATABASE_SSLMODE" in variables(module)) == bool(used)


def source(module: str) -> str:
    found = importlib.util.find_spec(f"handlers.{module}")
    assert found
    assert found.origin
    return Path(found.origin).read_text("utf-8")


def test_only_who_migrates_signs_in_as_master() -> None:
    masters = {name for name in handlers() if any("MASTER" in variable for variable in variables(name))}

    assert masters == {"migrate_database"}
    assert {f"{database.upper()}_MASTER_SECRET_ARN" for database in GRANTS} < variables("migrate_database")


def test_each_database_has_a_role_and_rights_of_its_own() -> None:
    secrets = of_type("AWS::SecretsManager::Secret")

    assert set(GRANTS) == set(all_migrations())
    for name in GRANTS:
        generated = secrets[f"{name.capitalize()}Secret"]["GenerateSecretString"]
        assert f'"username": "{name}_service"' in generated["SecretStringTemplate"]["Fn::Sub"]


def test_no_function_may_do_everything_with_a_service() -> None:
    for function in functions().values():
        for statement in statements(function):
            assert not [action for action in statement["Action"] if action.endswith(":*")]
            assert statement["Resource"] != "*"


def statements(function: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a function's role allows, under whichever conditions."""
    found = [one for policy in function.get("Policies", []) for one in policy["Statement"]]
    return [each for one in found for each in (one["Fn::If"][1:] if "Fn::If" in one else [one])]


def test_an_invitation_gives_way_when_its_first_password_has_ended() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()

    days = pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"]
    assert LIFE[Standing.INVITED] == timedelta(days=days)


def test_one_try_to_make_a_user_ends_before_the_next_may_begin() -> None:
    """Two at once with one email would remove each other's account."""
    assert all(handlers()[module]["Timeout"] < LEASE.total_seconds() for module in ("register_user", "create_user"))


def test_pages_from_elsewhere_may_send_and_read_what_the_api_takes_and_gives() -> None:
    """As openapi.json describes it. Nobody may until a deployment names its origins."""
    condition, cors, otherwise = of_type("AWS::Serverless::HttpApi")["Api"]["CorsConfiguration"]["Fn::If"]
    components = described()["components"]
    sent = {one["name"].lower() for one in components["parameters"].values() if one["in"] == "header"}
    given = {"etag", "location", "retry-after", "x-request-id"}

    assert template()["Parameters"]["CorsOrigins"]["Default"] == ""
    assert template()["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CorsOrigins"}, ""]}]}
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert set(cors["AllowMethods"]) == {method for method, _, _ in ROUTES}
    assert set(cors["AllowHeaders"]) == sent | {"authorization", "content-type"}
    assert set(cors["ExposeHeaders"]) == given
    assert {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in components["headers"]} >= given


@pytest.mark.parametrize(
    ("origins", "taken"),
    [
        ("", True),
        ("https://shop.example", True),
        ("https://shop.example,http://localhost:3000", True),
        ("*", False),
        ("https://shop.example/", False),
        ("https://shop.example, https://www.shop.example", False),
        ("shop.example", False),
    ],
)
def test_origins_are_taken_as_browsers_name_them(origins: str, *, taken: bool) -> None:
    pattern = template()["Parameters"]["CorsOrigins"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, origins)) == taken
