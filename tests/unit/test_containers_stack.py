"""stacks/containers.yaml: services may, and are told, what the functions of their routes may and are told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from handlers.http.routes import ROUTES, SERVICES, answers
from local.services import THREADS
from tests.stacks import of_type, stack
from tests.template import functions, handlers, template

ROOT = Path(__file__).parents[2]
NGINX = (ROOT / "containers/nginx.conf.template").read_text("utf-8")
CODE = (ROOT / "src/handlers/service.py").read_text("utf-8")
"""Read, as it is imported by whoever is one of the services."""
((ALIVE, READY),) = re.findall(r'^ALIVE, READY = "(.+)", "(.+)"$', CODE, re.MULTILINE)
(SECONDS,) = map(int, re.findall(r"^SECONDS = (\d+)$", CODE, re.MULTILINE))
PARAMETERS: dict[str, Any] = template()["Resources"]["Containers"]["Properties"]["Parameters"]
RESOURCES: dict[str, Any] = stack("containers")["Resources"]

READ = {f"dynamodb:{one}" for one in ("BatchGetItem", "DescribeTable", "GetItem", "Query", "Scan")}
WRITE = {f"dynamodb:{one}" for one in ("BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem")}
BY_DESIGN = {"product": READ, "user": READ, "inventory": READ | WRITE}
"""What each service may do with the inventory table, whether or not a route of today needs it."""

MORE = {"SERVICE", "CORS_ORIGINS", "GRANIAN_BLOCKING_THREADS"}
"""Variables that functions need not have: which service it is, and what API Gateway does for them."""
FEWER = {"SETTINGS", "AWS_ENDPOINT_URL", "USERS_TABLE"}
"""Variables that no code reads, that are for emulators, and of the store of users that is not chosen."""
OTHERWISE = {"USER_STORE": "postgres"}
"""Variables whose value is another: no authorizer stands in front, and a rule asks for this store."""


def served(service: str) -> list[dict[str, Any]]:
    """Return the functions whose routes a service answers."""
    return [handlers()[module] for _, path, module in ROUTES if answers(service, path)]


def chosen(value: Any) -> Any:
    """Return a value as it is with users in PostgreSQL."""
    is_choice = isinstance(value, dict) and value.get("Fn::If", [None])[0] == "UsersInPostgres"
    return value["Fn::If"][1] if is_choice else value


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(resource: Any) -> str:
    """Return the one logical id, or parameter, that a value is made of, with an index."""
    text = json.dumps(resource)
    found = re.findall(r'\$\{(\w+)(?:\.Arn)?\}|"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', text)
    (name,) = {one or other for one, other in found} - {"Name"}
    return name + "".join(re.findall(r"/index/\w+", text))


def outside(name: str) -> str:
    """Return what template.yaml gives as one of the stack's parameters, and an index with it."""
    parameter, index, rest = name.partition("/index/")
    return named(PARAMETERS[parameter]) + index + rest


def statements(role: str) -> Iterator[dict[str, Any]]:
    (policy,) = RESOURCES[role]["Properties"]["Policies"]
    yield from policy["PolicyDocument"]["Statement"]


def allowed(role: str) -> set[tuple[str, str]]:
    """Return actions and what they are on, as template.yaml calls it; without the edge."""
    return {
        (action, outside(named(resource)))
        for one in statements(role)
        if "Fn::If" not in one and one["Resource"] != "*"
        for resource in several(one["Resource"])
        for action in one["Action"]
    }


def task(service: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[f"{service.title()}Task"]["Properties"]
    return found


def container(service: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in task(service)["ContainerDefinitions"] if one["Name"] == name]
    return dict(found)


def environment(service: str, name: str = "service") -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in container(service, name)["Environment"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_what_the_functions_of_its_routes_may_and_what_the_design_says(service: str) -> None:
    of_functions = {
        (action, named(resource))
        for function in served(service)
        for policy in function.get("Policies", [])
        for statement in map(chosen, policy["Statement"])
        for resource in several(statement["Resource"])
        for action in statement["Action"]
    }

    assert allowed(f"{service.title()}Role") == of_functions | {(one, "InventoryTable") for one in BY_DESIGN[service]}


@pytest.mark.parametrize("service", SERVICES)
def test_behind_an_edge_services_read_its_secret_and_no_other_condition_gives_them_more(service: str) -> None:
    conditional = [one["Fn::If"] for one in statements(f"{service.title()}Role") if "Fn::If" in one]

    ((condition, statement, otherwise),) = conditional
    assert condition == "BehindEdge"
    assert (statement["Action"], statement["Resource"]) == (
        ["secretsmanager:GetSecretValue"],
        {"Ref": "OriginSecretArn"},
    )
    assert otherwise == {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize("service", SERVICES)
def test_who_starts_a_service_reads_its_secrets_writes_its_log_and_pulls_the_two_images(service: str) -> None:
    title = service.title()
    given = {one["ValueFrom"]["Ref"] for one in container(service, "service")["Secrets"]}
    token, pull, log, secrets = statements(f"{title}ExecutionRole")
    images = [set(re.findall(r"\w+Image", json.dumps(one))) for one in pull["Resource"]]

    assert (token["Action"], token["Resource"]) == (["ecr:GetAuthorizationToken"], "*")
    assert images == [{"ServiceImage"}, {"ProxyImage"}]
    assert log["Resource"] == {"Fn::GetAtt": [f"{title}Log", "Arn"]}
    assert {one["Ref"] for one in secrets["Resource"]} == given
    assert {(one, "secretsmanager:GetSecretValue") for one in map(outside, given)} == {
        (name, action) for action, name in allowed(f"{title}Role") if action.startswith("secretsmanager")
    }


def told(service: str) -> dict[str, Any]:
    """Return the variables of the functions whose routes a service answers, and of who verifies tokens."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    found = dict(common)
    for one in [*served(service), functions()["AuthorizerFunction"]]:
        found |= {name: chosen(value) for name, value in one.get("Environment", {}).get("Variables", {}).items()}
    own = {f"{name.removesuffix('_SECRET_ARN')}_PROXY_HOST" for name in found if name.endswith("_SECRET_ARN")}
    return {name: value for name, value in found.items() if not name.endswith("_PROXY_HOST") or name in own}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_what_the_functions_of_its_routes_are_told(service: str) -> None:
    expected = {name: value for name, value in told(service).items() if name not in FEWER} | OTHERWISE
    found = environment(service)

    assert found["SERVICE"] == service
    assert set(found) - {"USER_STORE"} == (set(expected) | MORE) - {"USER_STORE"}
    assert found["GRANIAN_BLOCKING_THREADS"] == THREADS[service]
    for name in set(found) - MORE:
        value, same = found[name], expected[name]
        if isinstance(value, dict) and "Ref" in value:
            assert PARAMETERS.get(value["Ref"], value) == same, name
        elif isinstance(value, dict):
            assert outside(re.sub(r".*\$\{(\w+)\}.*", r"\1", value["Fn::Sub"])) == "UserPool", name
            assert "UserPool" in str(same), name
        else:
            assert value == same, name


@pytest.mark.parametrize("service", SERVICES)
def test_each_secret_is_there_as_text_and_by_its_arn_and_none_is_a_variable(service: str) -> None:
    secrets = {one["Name"]: one["ValueFrom"] for one in container(service, "service")["Secrets"]}

    assert {f"{name}_ARN": value for name, value in secrets.items()} == {
        name: value for name, value in environment(service).items() if name.endswith("_SECRET_ARN")
    }


def rules() -> list[tuple[int, list[str], str]]:
    """Return priority, paths and service of each rule."""
    found = []
    for one in of_type("containers", "AWS::ElasticLoadBalancingV2::ListenerRule").values():
        (condition,), (action,) = one["Conditions"], one["Actions"]
        target = action["TargetGroupArn"]["Ref"].removesuffix("Targets").lower()
        found.append((one["Priority"], condition["PathPatternConfig"]["Values"], target))
    return sorted(found)


def target(path: str) -> str | None:
    """Return the service that the load balancer sends a path to, if any."""
    return next((to for _, paths, to in rules() if any(fnmatchcase(path, one) for one in paths)), None)


def test_the_load_balancer_sends_to_each_service_the_paths_that_it_answers() -> None:
    for _, path, _ in ROUTES:
        for asked in (path, f"{path}/"):
            to = target(asked)
            first = path.split("/")[1]
            owners = [service for service, firsts in SERVICES.items() if first in firsts] or ["product"]
            if asked == path or owners != ["product"] or first == "products":
                assert [to] == owners, asked

    for service, firsts in SERVICES.items():
        mine = {path for _, paths, to in rules() for path in paths if to == service}
        rest = {"/health", "/docs", "/openapi.json"} if service == "product" else set()
        assert mine == {f"/{first}" for first in firsts} | {f"/{first}/*" for first in firsts} | rest


def test_nobody_outside_asks_whether_a_service_lives_and_other_paths_are_nobodys() -> None:
    for path in (ALIVE, READY, "/-/", "/", "/productsandmore", "/user2", "/Products", "/metrics"):
        assert target(path) is None
    (default,) = of_type("containers", "AWS::ElasticLoadBalancingV2::Listener")["HttpsListener"]["DefaultActions"]
    answer = default["FixedResponseConfig"]
    assert (answer["StatusCode"], answer["ContentType"]) == ("404", "application/json")
    assert json.loads(answer["MessageBody"]) == {"message": "Not Found"}


def test_rules_are_within_the_load_balancers_limits() -> None:
    """Elastic Load Balancing, "Quotas for your Application Load Balancers": condition values and wildcards per rule."""
    assert all(len(paths) <= 5 for _, paths, _ in rules())
    assert len({priority for priority, _, _ in rules()}) == len(rules())


def test_with_a_certificate_http_only_redirects() -> None:
    listeners = of_type("containers", "AWS::ElasticLoadBalancingV2::Listener")
    (action,) = listeners["HttpListener"]["DefaultActions"]
    condition, redirect, _ = action["Fn::If"]

    assert condition == RESOURCES["HttpsListener"]["Condition"] == "HasCertificate"
    assert redirect["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    for one in of_type("containers", "AWS::ElasticLoadBalancingV2::ListenerRule").values():
        assert one["ListenerArn"] == {"Fn::If": ["HasCertificate", {"Ref": "HttpsListener"}, {"Ref": "HttpListener"}]}


def test_where_cloudfront_alone_may_call_port_80_is_closed_and_443_is_open_to_it() -> None:
    """Its list counts as 55 of the 60 rules that a security group takes (Amazon VPC, "AWS-managed prefix lists")."""
    http, https = RESOURCES["CallersByHttp"], RESOURCES["CallersByHttps"]["Properties"]

    assert stack("containers")["Conditions"][http["Condition"]] == {"Fn::Not": [{"Condition": "ForCloudFrontAlone"}]}
    assert "SourcePrefixListId" not in http["Properties"]
    assert https["SourcePrefixListId"]["Fn::If"][:2] == ["ForCloudFrontAlone", {"Ref": "CloudFrontPrefixListId"}]
    assert https["CidrIp"]["Fn::If"][:2] == ["ForCloudFrontAlone", {"Ref": "AWS::NoValue"}]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", ["service", "proxy"])
def test_containers_write_nowhere_but_to_a_folder_of_their_own_and_have_no_capability(service: str, name: str) -> None:
    one = container(service, name)

    assert one["ReadonlyRootFilesystem"] is True
    assert one["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}
    assert [(mount["SourceVolume"], mount["ContainerPath"]) for mount in one["MountPoints"]] == [
        (f"{name}-tmp", "/tmp")
    ]
    assert one["Image"] == {"Ref": f"{name.title()}Image"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_asked_whether_it_lives_then_its_proxy_and_the_load_balancer_whether_it_is_ready(
    service: str,
) -> None:
    proxy = container(service, "proxy")
    targets = of_type("containers", "AWS::ElasticLoadBalancingV2::TargetGroup")[f"{service.title()}Targets"]

    assert f"http://127.0.0.1:8000{ALIVE}" in container(service, "service")["HealthCheck"]["Command"][-1]
    assert f"http://127.0.0.1:8080{ALIVE}" in proxy["HealthCheck"]["Command"][-1]
    assert proxy["DependsOn"] == [{"ContainerName": "service", "Condition": "HEALTHY"}]
    assert targets["HealthCheckPath"] == READY
    assert [one["ContainerPort"] for one in proxy["PortMappings"]] == [targets["Port"]] == [8080]
    assert "PortMappings" not in container(service, "service")


@pytest.mark.parametrize("service", SERVICES)
def test_the_proxy_is_told_what_its_settings_ask_for_and_passes_everything_to_its_own_service(service: str) -> None:
    found = environment(service, "proxy")

    assert set(found) == set(re.findall(r"\$\{([A-Z]+)\}", NGINX))
    assert {found[name] for name in ("PRODUCT", "USERS", "INVENTORY")} == {"server 127.0.0.1:8000;"}
    assert found["TRUSTED"] == {"Ref": "Cidr"}


def test_connections_and_requests_in_flight_outlive_what_stands_behind_them() -> None:
    (balancer,) = of_type("containers", "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    (kept,) = re.findall(r"^ *keepalive_timeout (\d+)s;", NGINX, re.MULTILINE)

    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == {"Fn::If": ["IsProd", "true", "false"]}
    assert SECONDS < int(attributes["idle_timeout.timeout_seconds"]) < int(kept)
    for one in of_type("containers", "AWS::ElasticLoadBalancingV2::TargetGroup").values():
        given = {each["Key"]: each["Value"] for each in one["TargetGroupAttributes"]}
        assert int(given["deregistration_delay.timeout_seconds"]) >= SECONDS


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_grows_to_four_and_a_deployment_that_fails_is_taken_back(service: str) -> None:
    title = service.title()
    policies = of_type("containers", "AWS::ApplicationAutoScaling::ScalingPolicy").values()
    aims = {
        one["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]: one[
            "TargetTrackingScalingPolicyConfiguration"
        ]["TargetValue"]
        for one in policies
        if one["ScalingTargetId"] == {"Ref": f"{title}Tasks"}
    }
    tasks, own = RESOURCES[f"{title}Tasks"]["Properties"], RESOURCES[f"{title}Service"]["Properties"]

    assert (tasks["MinCapacity"], tasks["MaxCapacity"]) == (1, 4)
    assert aims == {"ECSServiceAverageCPUUtilization": 70, "ECSServiceAverageMemoryUtilization": 75}
    assert own["DeploymentConfiguration"] == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }
    assert "DesiredCount" not in own, "a deployment would undo what scaling has done"


ALARMS = of_type("containers", "AWS::CloudWatch::Alarm")
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8").split("\n## Alarms of the containers\n")[1].split("\n## ")[0]


def test_each_alarm_has_its_part_of_the_runbook_and_the_reverse() -> None:
    titles = re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)

    assert [title.title().replace(" ", "") for title in titles] == list(ALARMS)
    for part in RUNBOOK.split("\n### ")[1:]:
        assert re.findall(r"^\*\*(.+?):\*\*", part, re.MULTILINE) == ["Means", "First look", "Fix"], part


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_links_to_its_part_and_is_told_to_the_topic_of_all(name: str) -> None:
    alarm = ALARMS[name]
    anchor = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()

    assert alarm["AlarmName"] == {"Fn::Sub": f"${{Service}}-{name}"}, "the topic's policy knows no other"
    assert re.fullmatch(rf"[A-Z][^$]{{30,}}\. \$\{{RunbookUrl\}}#{anchor}", alarm["AlarmDescription"]["Fn::Sub"])
    assert alarm["TreatMissingData"], "said for each, after some thought"
    assert (
        alarm["AlarmActions"]
        == alarm["OKActions"]
        == {"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    )
    assert PARAMETERS["AlarmTopicArn"] == {
        "Fn::If": ["Mails", {"Fn::GetAtt": ["Observe", "Outputs.AlarmTopicArn"]}, ""]
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_whose_processors_are_busy_for_two_minutes_is_told_of(service: str) -> None:
    alarm = ALARMS[f"{service.title()}Busy"]

    assert (alarm["Threshold"], alarm["Period"] * alarm["EvaluationPeriods"]) == (70, 120)
    assert {"Name": "ServiceName", "Value": {"Fn::GetAtt": [f"{service.title()}Service", "Name"]}} in alarm[
        "Dimensions"
    ]


def measured(name: str) -> dict[str, tuple[str, set[str]]]:
    """Return metric and resources of each part of an alarm's sum, by its name there."""
    return {
        one["Id"]: (
            one["MetricStat"]["Metric"]["MetricName"],
            {each["Value"]["Fn::GetAtt"][0] for each in one["MetricStat"]["Metric"]["Dimensions"]},
        )
        for one in ALARMS[name]["Metrics"]
        if "MetricStat" in one
    }


def test_failing_calls_are_those_of_tasks_and_of_the_load_balancer_itself() -> None:
    """Which tells no zeros, and counts no call that it finds no task for: sums do without either."""
    (used,) = [one["Expression"] for one in ALARMS["ServicesFail"]["Metrics"] if "Expression" in one]

    assert measured("ServicesFail") == {
        "theirs": ("HTTPCode_Target_5XX_Count", {"LoadBalancer"}),
        "own": ("HTTPCode_ELB_5XX_Count", {"LoadBalancer"}),
        "calls": ("RequestCount", {"LoadBalancer"}),
    }
    assert used == "IF(SUM([theirs, own]) >= 5, 100 * SUM([theirs, own]) / SUM([calls, own]), 0)"


def test_tasks_of_every_service_are_watched() -> None:
    assert measured("TasksUnhealthy") == {
        service: ("UnHealthyHostCount", {f"{service.title()}Targets", "LoadBalancer"}) for service in SERVICES
    }


def test_what_design_a_asks_for_is_an_output_of_the_template() -> None:
    inner = stack("containers")["Outputs"]
    outer = {name: one for name, one in template()["Outputs"].items() if one.get("Condition") == "RunsContainers"}

    assert {name: one["Value"] for name, one in outer.items()} == {
        name: {"Fn::GetAtt": ["Containers", f"Outputs.{name}"]} for name in inner
    }
    assert {"ClusterId", "TaskExecutionRoleArns", "ProductServiceRoleArn", "UserServiceRoleArn"} <= set(inner)
