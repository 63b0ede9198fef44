"""template.yaml says what the code says: routes, handlers, variables, limits."""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.letters import HELD
from adapters.postgres.database import CONNECT_TIMEOUT, WAKING
from adapters.postgres.migrations import all_migrations, fingerprint
from adapters.postgres.roles import GRANTS, TIMEOUTS
from adapters.publisher import longest
from domain.identity.accounts import Standing
from domain.identity.enrolling import LEASE, LIFE
from domain.letters.poison import LIMIT
from handlers.http.routes import ROUTES
from local.template import translate
from tests.openapi import described
from tests.template import FILE, functions, handlers, of_type, template, variables

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


@pytest.mark.parametrize("module", ["migrate_database", "rotate_secret"])
def test_who_waits_until_a_database_is_awake_has_the_time(module: str) -> None:
    """For three servers or three passwords, each tried twice."""
    assert handlers()[module]["Timeout"] >= 3 * 2 * WAKING + 60


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
    "PRODUCT_SECRET_ARN": ("secretsmanager:", "ProductSecret"),
    "INVENTORY_SECRET_ARN": ("secretsmanager:", "InventorySecret"),
    "USER_SECRET_ARN": ("secretsmanager:", "UserSecret"),
    "PRODUCT_MASTER_SECRET_ARN": ("secretsmanager:", "Outputs.ProductMasterSecretArn"),
    "INVENTORY_MASTER_SECRET_ARN": ("secretsmanager:", "Outputs.InventoryMasterSecretArn"),
    "USER_MASTER_SECRET_ARN": ("secretsmanager:", "Outputs.UserMasterSecretArn"),
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


@pytest.mark.parametrize("module", sorted(set(handlers()) - {"migrate_database", "rotate_secret"}))
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


def test_only_who_migrates_or_rotates_signs_in_as_master() -> None:
    masters = {name for name in handlers() if any("MASTER" in variable for variable in variables(name))}

    assert masters == {"migrate_database", "rotate_secret"}
    assert {f"{database.upper()}_MASTER_SECRET_ARN" for database in GRANTS} < variables("migrate_database")


def test_only_who_rotates_does_more_with_a_secret_than_read_it() -> None:
    more = {
        name
        for name, function in handlers().items()
        for statement in statements(function)
        for action in statement["Action"]
        if action.startswith("secretsmanager:") and action != "secretsmanager:GetSecretValue"
    }

    assert more == {"rotate_secret"}
    assert variables("rotate_secret") >= {f"{database.upper()}_SECRET_ARN" for database in GRANTS}


def test_every_service_and_every_generated_master_gets_a_new_password_each_month() -> None:
    schedules = of_type("AWS::SecretsManager::RotationSchedule")

    assert {".".join(one["SecretId"]["Fn::GetAtt"]) for one in schedules.values()} == {
        *(f"{name.capitalize()}Secret.Id" for name in GRANTS),
        *(f"Databases.Outputs.{name.capitalize()}MasterSecretArn" for name in GRANTS),
    }
    for one in schedules.values():
        assert one["RotationLambdaARN"] == {"Fn::GetAtt": ["RotateSecretFunction", "Arn"]}
        assert one["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}


def test_each_database_has_a_role_and_rights_of_its_own() -> None:
    secrets = of_type("AWS::SecretsManager::Secret")

    assert set(GRANTS) == set(all_migrations())
    for name in GRANTS:
        generated = secrets[f"{name.capitalize()}Secret"]["GenerateSecretString"]
        assert f'"username": "{name}_service"' in generated["SecretStringTemplate"]["Fn::Sub"][0]


def test_no_function_may_do_everything_with_a_service() -> None:
    for function in functions().values():
        for statement in statements(function):
            assert not [action for action in statement["Action"] if action.endswith(":*")]
            assert statement["Resource"] != "*"


def statements(function: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a function's role allows, under whichever conditions."""
    found = [one for policy in function.get("Policies", []) for one in policy["Statement"]]
    alike = [each for one in found for each in (one["Fn::If"][1:] if "Fn::If" in one else [one])]
    return [one for one in alike if one != {"Ref": "AWS::NoValue"}]


def test_whoever_answers_calls_may_read_what_the_edge_sends_but_for_the_health_check() -> None:
    """Where there is an edge; /health does nothing, and is watched past the edge, too."""
    policy = template()["Resources"]["OriginSecretPolicy"]
    answering = {
        name for name, own in functions().items() if any(e["Type"] == "HttpApi" for e in own.get("Events", {}).values())
    }
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]

    assert policy["Condition"] == "BehindEdge"
    assert statement == {
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue"],
        "Resource": {"Ref": "OriginSecretArn"},
    }
    assert {one["Ref"] for one in policy["Properties"]["Roles"]} == {
        f"{name}Role" for name in answering - {"HealthFunction"}
    }
    assert template()["Globals"]["Function"]["Environment"]["Variables"]["ORIGIN_SECRET_ID"] == {
        "Ref": "OriginSecretArn"
    }
    assert template()["Parameters"]["OriginSecretArn"]["Default"] == ""


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


def test_whatever_invokes_a_function_invokes_what_is_live() -> None:
    """So that CodeDeploy can shift all of its traffic. The custom resource and Secrets Manager call the newest code."""
    common = template()["Globals"]["Function"]
    translated = translate(FILE, {"Stage": "prod"}, "us-east-1")["Resources"]
    invoked = [
        *(one["Properties"]["FunctionName"] for one in of(translated, "AWS::Lambda::EventSourceMapping")),
        *(one["Properties"]["FunctionName"] for one in of(translated, "AWS::Lambda::Permission")),
        *(one["Properties"]["Target"]["Arn"] for one in of(translated, "AWS::Scheduler::Schedule")),
    ]
    (api,) = of(translated, "AWS::ApiGatewayV2::Api")
    uris = re.findall(r"functions/\$\{(\w+)\}/invocations", json.dumps(api))

    assert common["AutoPublishAlias"] == "live"
    assert len(invoked) > len(ROUTES)
    authorizer = {"Fn::Sub": "${AuthorizerFunction.Arn}:live"}
    others = [one for one in invoked if not one.get("Ref", "").endswith("Aliaslive") and one != authorizer]
    assert others == [{"Fn::GetAtt": ["RotateSecretFunction", "Arn"]}]
    assert [uri for uri in uris if not uri.endswith("Aliaslive")] == ["__FunctionArn__"]
    assert json.dumps({"__FunctionArn__": authorizer}) in json.dumps(api)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_sam_local_finds_the_authorizer() -> None:
    """It resolves few references, and serves routes to anybody when it does not know their authorizer's function."""
    from samcli.commands.local.lib.swagger.integration_uri import LambdaUri  # noqa: PLC0415 - half a second
    from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # noqa: PLC0415 - as above

    ((root, *_), _) = SamLocalStackProvider.get_stacks(str(FILE))
    arn = root.resources["Api"]["Properties"]["Auth"]["Authorizers"]["Jwt"]["FunctionArn"]

    assert LambdaUri.get_function_name(arn) == "AuthorizerFunction"


def of(translated: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the resources of a type."""
    return [one for one in translated.values() if one["Type"] == kind]


@pytest.mark.parametrize(
    ("parameters", "canary"),
    [
        ({"Stage": "dev"}, False),
        ({"Stage": "local"}, False),
        ({"Stage": "dev", "Rollout": "canary"}, True),
        ({"Stage": "prod"}, True),
        ({"Stage": "prod", "Rollout": "immediate"}, False),
    ],
)
def test_new_versions_get_their_traffic_bit_by_bit_where_they_should(
    parameters: dict[str, str], *, canary: bool
) -> None:
    """Each under the eyes of an alarm on its own errors, without which nothing of CodeDeploy is made."""
    translated = translate(FILE, parameters, "us-east-1")["Resources"]
    groups = {name: one for name, one in translated.items() if one["Type"] == "AWS::CodeDeploy::DeploymentGroup"}
    watching = {
        name.removesuffix("DeploymentGroup"): one["Properties"]["AlarmConfiguration"]["Alarms"]
        for name, one in groups.items()
    }
    expected = {name: [{"Name": {"Ref": alarm_of(name)}}] for name in functions() if name not in AT_ONCE}

    assert watching == (expected if canary else {})
    assert {one["Properties"]["DeploymentConfigName"]["Fn::Sub"][1]["ConfigName"] for one in groups.values()} == (
        {"Canary10Percent5Minutes"} if canary else set()
    )


AT_ONCE = {"AdmitSignUpFunction", "MigrateDatabaseFunction", "RotateSecretFunction"}
"""Those whose errors are refusals, which anybody may cause, and those that nobody invokes by their alias."""


def alarm_of(function: str) -> str:
    return f"{function.removesuffix('Function')}Errors"


@pytest.mark.parametrize("name", sorted(set(functions()) - AT_ONCE))
def test_a_function_s_alarm_is_about_its_new_version(name: str) -> None:
    alarm = template()["Resources"][alarm_of(name)]
    dimensions = {one["Name"]: one["Value"] for one in alarm["Properties"]["Dimensions"]}

    assert alarm["Condition"] == "RollsOutByCanary"
    assert {**alarm["Properties"], "Dimensions": None} == {
        **template()["Resources"]["HealthErrors"]["Properties"],
        "Dimensions": None,
    }
    assert dimensions == {
        "FunctionName": {"Ref": name},
        "Resource": {"Fn::Sub": f"${{{name}}}:live"},
        "ExecutedVersion": {"Fn::GetAtt": [name, "Version.Version"]},
    }


NOT_OF_FUNCTIONS = {
    "QueueBatchSize", "QueueBatchWindow", "QueueConcurrency", "StreamMode", "ShippingDelay", "EventSources",
    "CorsOrigins", "MailIdentityArn", "Mfa", "ThreatProtection", "Rollout", "LogRetention", "LogKeyArn", "AlarmEmail",
    "RunbookUrl", "RequestsPerSecond", "RequestBurst", "DomainName", "CertificateArn", "HostedZoneId",
    "DatabaseKeyArn", "NatGateways", "ServiceImage", "ProxyImage", "LoadBalancerScheme", "CloudFrontPrefixListId",
    "VpcCidr",
    "DatabaseSecretArn",  # of who migrates and who rotates, who are invoked unpublished
    "VpcId",  # which is never given, or taken away, without its subnets
}  # fmt: skip
"""Parameters of other resources."""


def test_another_value_of_a_parameter_is_another_version_of_the_functions() -> None:
    """A version keeps its variables, and SAM publishes none when a parameter alone has changed."""
    said = json.dumps(template()["Resources"]["Settings"]["Properties"]["Value"])
    named = {name for name in template()["Parameters"] if re.search(rf'"{name}"|\$\{{{name}\}}', said)}

    assert named == set(template()["Parameters"]) - NOT_OF_FUNCTIONS
    assert template()["Globals"]["Function"]["Environment"]["Variables"]["SETTINGS"] == {
        "Fn::GetAtt": ["Settings", "Value"]
    }
    assert template()["Globals"]["Function"]["AutoPublishAliasAllProperties"] is True
    for name, own in functions().items():
        assert own["VersionDescription"] == {"Fn::GetAtt": ["Settings", "Value"]}, name


def test_an_alarm_of_a_new_version_watches_an_alias_that_somebody_invokes() -> None:
    """Who is invoked by the function's own ARN has no traffic there, and an alarm that could never go off."""
    own_arns = re.findall(
        r"\['(\w+)Function', 'Arn'\]",
        str([one for name, one in template()["Resources"].items() if name not in functions()]),
    )

    assert set(own_arns) == {"MigrateDatabase", "RotateSecret"}
    assert not {f"{name}Errors" for name in own_arns} & set(template()["Resources"])


def test_functions_log_json_to_one_group_that_forgets() -> None:
    assert template()["Globals"]["Function"]["LoggingConfig"] == {
        "LogGroup": {"Ref": "FunctionLog"},
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",  # metrics are lines of this level
        "SystemLogLevel": "INFO",
    }
    groups = of_type("AWS::Logs::LogGroup")
    assert set(groups) == {"FunctionLog", "ApiLog"}
    assert {group["RetentionInDays"]["Ref"] for group in groups.values()} == {"LogRetention"}
    assert template()["Parameters"]["LogRetention"]["Default"] == 7


@pytest.mark.parametrize("parameters", [{}, {"Stage": "prod", "EventSources": "enabled"}])
def test_the_template_stays_within_cloudformation_s_limits(parameters: dict[str, str]) -> None:
    """500 resources and 1 MB ("CloudFormation quotas"), with room for ten functions more."""
    translated = translate(FILE, parameters, "us-east-1")

    assert len(translated["Resources"]) <= 500 - 10 * 8
    assert len(json.dumps(translated)) < 600_000


def test_every_queue_encrypts_and_is_spoken_to_by_tls_alone() -> None:
    queues = of_type("AWS::SQS::Queue")
    (policy,) = of_type("AWS::SQS::QueuePolicy").values()

    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    assert {queue["Ref"] for queue in policy["Queues"]} == set(queues)
    assert policy["PolicyDocument"]["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert template()["Resources"]["QueuesByTlsAlone"]["Condition"] == "OnAws"


def test_what_died_is_kept_for_as_long_as_queues_keep_anything() -> None:
    queues = of_type("AWS::SQS::Queue")
    letters = {name: one for name, one in queues.items() if "RedrivePolicy" not in one}

    assert set(letters) == {"OrdersDeadLetters", "ShippingDeadLetters", "ProjectionFailures", "ScheduleFailures"}
    assert {one["MessageRetentionPeriod"] for one in letters.values()} == {14 * 86400}


def test_a_record_is_given_up_before_the_stream_forgets_it() -> None:
    (stream,) = of_type("AWS::Kinesis::Stream").values()
    source = handlers()["project_inventory"]["Events"]["Stream"]["Properties"]

    assert source["MaximumRecordAgeInSeconds"] <= stream["RetentionPeriodHours"] * 3600
    assert stream["StreamEncryption"]["EncryptionType"] == "KMS"


def test_whatever_a_schedule_could_not_do_is_told() -> None:
    """By Lambda when the function failed, by the Scheduler when it could not be invoked."""
    scheduled = {
        name: (own.get("EventInvokeConfig", {}), event["Properties"])
        for name, own in functions().items()
        for event in own.get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    }
    queue = {"Fn::GetAtt": ["ScheduleFailures", "Arn"]}

    assert len(scheduled) == 3
    for name, (invocations, schedule) in scheduled.items():
        assert invocations["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": queue}, name
        assert schedule["DeadLetterConfig"] == {"Arn": queue}, name


@pytest.mark.parametrize("module", ["relay_outbox", "sweep_orders"])
def test_a_round_that_finds_the_database_asleep_is_tried_again_before_anybody_is_told(module: str) -> None:
    """By the next round within minutes, or by Lambda: after one minute, and two more."""
    rules = handlers()[module]["EventInvokeConfig"]
    rounds = template()["Mappings"]["Rounds"]

    assert rules["MaximumRetryAttempts"] == {"Fn::FindInMap": ["Rounds", {"Ref": "Stage"}, "Retries"]}
    assert {stage: one["Retries"] for stage, one in rounds.items()} == {
        stage: 2 if "hour" in one["Relay"] else 0 for stage, one in rounds.items()
    }
    assert rules["MaximumEventAgeInSeconds"] >= 300


OF_RECORD = {"UsersTable", "ItemsTable"}
"""What nothing else could be made from anew."""


def test_what_nothing_else_could_be_made_from_outlives_its_stack() -> None:
    kept = OF_RECORD | {"UserPool"}
    resources = template()["Resources"]

    assert {name for name, one in resources.items() if one.get("DeletionPolicy") == "RetainExceptOnCreate"} == kept
    for name in kept:
        assert resources[name]["UpdateReplacePolicy"] == "Retain", name
    for name in OF_RECORD:
        table = resources[name]["Properties"]
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}, name


def test_everything_that_costs_says_whose_it_is() -> None:
    """Tags by which a bill is read; samconfig.toml gives them to the stack, too, and so to all that take any."""
    translated = translate(FILE, {"Stage": "prod"}, "us-east-1")["Resources"]
    untagged = {one["Type"] for one in translated.values() if "tradepost" not in tags_of(one)}

    assert untagged == TAKE_NO_TAGS


TAKE_NO_TAGS = {
    "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSet",
    "AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPoolGroup", "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission", "AWS::Lambda::Version", "AWS::SQS::QueuePolicy",
    "AWS::IAM::ManagedPolicy", "AWS::Scheduler::Schedule", "AWS::SecretsManager::RotationSchedule",
    "Custom::DatabaseSchema",
    "AWS::CloudWatch::Alarm", "AWS::Lambda::EventSourceMapping",  # those of the stack, from samconfig.toml
}  # fmt: skip


def tags_of(resource: dict[str, Any]) -> str:
    properties = resource.get("Properties", {})
    found = [properties.get(name) for name in ("Tags", "UserPoolTags")]
    return json.dumps([*found, properties.get("Body", {}).get("tags")])


def test_nobody_becomes_an_admin_by_a_call_of_ours() -> None:
    """Groups are the pool's, and only who may sign in to the AWS account adds anybody to one."""
    actions = {action for own in functions().values() for one in statements(own) for action in one["Action"]}
    (client,) = of_type("AWS::Cognito::UserPoolClient").values()

    assert not [action for action in actions if "Group" in action or "UpdateUserAttributes" in action]
    assert set(client["WriteAttributes"]) == {"email", "name"}
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


def test_tokens_end_when_they_are_said_to() -> None:
    (client,) = of_type("AWS::Cognito::UserPoolClient").values()

    assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
    assert (client["AccessTokenValidity"], client["IdTokenValidity"], client["RefreshTokenValidity"]) == (60, 60, 30)
    assert client["EnableTokenRevocation"] is True
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_cognito_asks_before_it_makes_an_account() -> None:
    """And is the only one that may ask; what it asks knows no pool, which knows it."""
    translated = translate(FILE, {}, "us-east-1")["Resources"]
    permission = translated["AdmitSignUpFunctionAliasliveCognitoPermission"]["Properties"]

    assert translated["UserPool"]["Properties"]["LambdaConfig"] == {
        "PreSignUp": {"Ref": "AdmitSignUpFunctionAliaslive"}
    }
    assert permission["SourceArn"] == {"Fn::GetAtt": ["UserPool", "Arn"]}
    assert "UserPool" not in json.dumps(translated["AdmitSignUpFunction"])


def test_a_second_factor_and_protection_from_threats_are_chosen_by_parameter() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()

    assert pool["MfaConfiguration"] == {"Fn::If": ["OffersMfa", "OPTIONAL", "OFF"]}
    assert pool["UserPoolTier"] == {"Fn::If": ["ProtectsFromThreats", "PLUS", "LITE"]}
    assert pool["UserPoolAddOns"]["Fn::If"][1] == {"AdvancedSecurityMode": "ENFORCED"}


def test_every_parameter_stands_in_one_group_of_the_console() -> None:
    interface = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(template()["Parameters"])
    assert set(interface["ParameterLabels"]) <= set(grouped)
    for name, parameter in template()["Parameters"].items():
        assert parameter["Description"], name
        assert ("AllowedPattern" in parameter) == ("ConstraintDescription" in parameter), name


NEVER_LOGGED = ("path", "query", "header", "userAgent", "body", "claims", "principal")


def test_requests_are_limited_and_logged_without_what_people_sent() -> None:
    api = of_type("AWS::Serverless::HttpApi")["Api"]
    line = json.loads(api["AccessLogSettings"]["Format"])

    assert api["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
    }
    assert {"requestId", "ip", "routeKey", "status", "latency", "authorizerError", "integrationError"} <= set(line)
    assert all(value.startswith("$context.") for value in line.values())
    assert not [value for value in line.values() for name in NEVER_LOGGED if name in value]


@pytest.mark.parametrize(
    ("domain", "taken"),
    [
        ("", True),
        ("api.shop.example", True),
        ("shop", False),
        ("https://api.shop.example", False),
        ("API.shop.example", False),
    ],
)
def test_a_domain_is_a_host_s_name(domain: str, *, taken: bool) -> None:
    assert bool(re.fullmatch(template()["Parameters"]["DomainName"]["AllowedPattern"], domain)) == taken


@pytest.mark.parametrize("name", sorted(functions()))
def test_what_a_role_allows_is_within_the_boundary(name: str) -> None:
    """Else AWS would deny what the role says."""
    allowed = {
        (action.removesuffix("*"), resource)
        for statement in template()["Resources"]["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"]
        for action in statement["Action"]
        for resource in each(statement["Resource"])
    }
    open_to = {action for action, resource in allowed if resource.endswith(('/*"}', ':*"}'))}

    assert template()["Globals"]["Function"]["PermissionsBoundary"] == {"Ref": "FunctionBoundary"}
    for statement in statements(functions()[name]):
        for action in (one.removesuffix("*") for one in statement["Action"]):
            assert action in open_to or {(action, one) for one in each(statement["Resource"])} <= allowed, statement


def each(resources: Any) -> list[str]:
    return [json.dumps(one) for one in (resources if isinstance(resources, list) else [resources])]


def test_the_boundary_leaves_open_only_what_has_no_resources_to_name() -> None:
    document = template()["Resources"]["FunctionBoundary"]["Properties"]["PolicyDocument"]
    unbounded = {action for one in document["Statement"] if one["Resource"] == "*" for action in one["Action"]}

    assert {action.split(":")[0] for action in unbounded} == {"xray", "ec2", "kinesis"}
    assert {action for action in unbounded if action.startswith("kinesis")} == {"kinesis:ListStreams"}
