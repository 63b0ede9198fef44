"""Alarms, dashboard and runbook speak of the same things, and of metrics that exist."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from domain.orders.order import Reason
from tests.stacks import of_type, stack
from tests.template import functions, handlers, template

ROOT = Path(__file__).parents[2]
OBSERVE: dict[str, Any] = yaml_parse((ROOT / "stacks/observe.yaml").read_text("utf-8"))
ALARMS = {
    name: resource["Properties"]
    for name, resource in OBSERVE["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
OURS = "Tradepost"
AWS_METRICS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/Lambda": {"Errors", "Throttles", "Duration", "Invocations", "IteratorAge"},
    "AWS/ApiGateway": {"4xx", "5xx", "Count", "Latency"},
    "AWS/Kinesis": {"IncomingRecords", "WriteProvisionedThroughputExceeded"},
    "AWS/DynamoDB": {"ReadThrottleEvents", "WriteThrottleEvents"},
    "AWS/RDS": {"CPUUtilization", "DatabaseConnections", "ACUUtilization", "FreeStorageSpace"},
}
"""Each service's "CloudWatch metrics" page; those of HTTP APIs are in "Working with metrics for HTTP APIs"."""


def emitted() -> set[str]:
    """Return the metrics that the code counts; `OrdersX` is told of every status that allocating ends in."""
    calls = [
        node.args[0]
        for file in sorted((ROOT / "src/handlers").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "count"
    ]
    names = {str(name.value) for name in calls if isinstance(name, ast.Constant)}
    (of_status,) = [name for name in calls if isinstance(name, ast.JoinedStr)]
    assert ast.unparse(of_status) == "f'Orders{status.title()}'"
    return names | {"OrdersConfirmed", "OrdersRejected"}


def alarmed() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return namespace, name and dimensions of what alarms measure."""
    for alarm in ALARMS.values():
        given = [each for one in alarm.get("Metrics", []) for each in one.get("Fn::If", [one])]
        measured = [one["MetricStat"]["Metric"] for one in given if "MetricStat" in one] or [alarm]
        for one in measured:
            yield one["Namespace"], one["MetricName"], {str(each["Name"]): each["Value"] for each in one["Dimensions"]}


def widgets() -> list[dict[str, Any]]:
    """Return the dashboard's widgets where a database was made, and containers run; references stay as they are."""
    text, names = OBSERVE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, condition in names.items():
        inner, own = condition["Fn::If"][1]["Fn::Sub"]
        for each, choice in own.items():
            first = choice.get("Fn::If", [None, choice])[1]
            inner = inner.replace(f"${{{each}}}", first.get("Fn::Sub", "") if isinstance(first, dict) else first)
        text = text.replace(f"${{{name}}}", inner)
    found: list[dict[str, Any]] = json.loads(text)["widgets"]
    return found


def shown() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Return namespace, name and dimensions of what the dashboard shows."""
    for widget in widgets():
        for metric in widget["properties"].get("metrics", []):
            words = [one for one in metric if isinstance(one, str)]
            if words:
                yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


def anchors(heading: str) -> list[str]:
    """Return the anchors, as GitHub makes them, of the parts below a heading of the runbook."""
    text = (ROOT / "docs/runbook.md").read_text("utf-8")
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [title.lower().replace(" ", "-") for title in re.findall(r"^### (.+)$", part, re.MULTILINE)]


def anchor(alarm: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", alarm).lower()


def test_each_alarm_has_its_part_of_the_runbook_and_the_reverse() -> None:
    assert anchors("Alarms") == [anchor(name) for name in ALARMS]


def test_each_part_says_what_it_means_where_to_look_and_what_mends_it() -> None:
    text = (ROOT / "docs/runbook.md").read_text("utf-8").split("\n## Alarms\n")[1].split("\n## ")[0]

    for part in text.split("\n### ")[1:]:
        assert re.findall(r"^\*\*(.+?):\*\*", part, re.MULTILINE) == ["Means", "First look", "Fix"], part


def test_links_within_the_runbook_lead_somewhere() -> None:
    text = (ROOT / "docs/runbook.md").read_text("utf-8")
    there = {title.lower().replace(" ", "-") for title in re.findall(r"^##+ (.+)$", text, re.MULTILINE)}

    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= there


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_says_what_it_means_and_where_to_read_on(name: str) -> None:
    alarm = ALARMS[name]

    assert re.fullmatch(rf"[A-Z][^$]{{30,}}\. \$\{{RunbookUrl\}}#{anchor(name)}", alarm["AlarmDescription"]["Fn::Sub"])
    assert alarm["AlarmName"] == {"Fn::Sub": f"${{Service}}-{name}"}
    assert alarm["TreatMissingData"], "said for each, after some thought"
    assert (
        alarm["AlarmActions"]
        == alarm["OKActions"]
        == {"Fn::If": ["Mails", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
    )


def test_the_dashboard_begins_with_the_state_of_every_alarm() -> None:
    first = widgets()[0]

    assert (first["type"], first["y"]) == ("alarm", 0)
    assert set(re.findall(r"\$\{(\w+)\.Arn\}", " ".join(first["properties"]["alarms"]))) | {
        "DatabaseCapacity",
        "DatabaseStorage",
    } == set(ALARMS)


def test_where_containers_run_the_dashboard_ends_with_the_state_of_their_alarms_and_what_they_measure() -> None:
    """By their names, as the stack of containers is made after this one, whose topic it is told."""
    states, *graphs = [one for one in widgets() if "annotations" in one["properties"] or one["y"] > 30]
    prefix = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${Service}-"
    alarms = {f"{prefix}{name}" for name in of_type("containers", "AWS::CloudWatch::Alarm")}

    assert set(states["properties"]["alarms"]) == alarms
    assert len(graphs) == 3
    for one in graphs:
        (alarm,) = one["properties"]["annotations"]["alarms"]
        assert alarm in alarms
    (row,) = {one["y"] for one in (states, *graphs)}
    assert row == max(one["y"] + one["height"] for one in widgets() if one["y"] != row)


def test_what_alarms_and_dashboard_read_is_told_by_somebody() -> None:
    for namespace, name, _ in [*alarmed(), *shown()]:
        assert name in (emitted() if namespace == OURS else AWS_METRICS[namespace]), name


def test_what_the_code_tells_is_on_the_dashboard() -> None:
    assert {name for namespace, name, _ in shown() if namespace == OURS} == emitted()


def test_our_metrics_are_read_under_the_dimensions_that_they_are_told_with() -> None:
    """Of the deployment alone, whose name is the functions' POWERTOOLS_SERVICE_NAME."""
    said = template()["Globals"]["Function"]["Environment"]["Variables"]

    assert said["POWERTOOLS_METRICS_NAMESPACE"] == OURS
    assert said["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    for namespace, name, dimensions in alarmed():
        assert namespace != OURS or dimensions == {"service": {"Ref": "Service"}}, name
    for namespace, name, read in shown():
        if namespace == OURS:
            assert {**read, "service": "${Service}"} == read
            assert read.keys() - {"service"} == ({"Reason"} if name == "OrdersRejected" else set()), name


def test_rejections_are_shown_by_each_reason_that_there_is() -> None:
    reasons = [dimensions["Reason"] for _, name, dimensions in shown() if name == "OrdersRejected"]

    assert set(reasons) == set(Reason)


def test_slow_is_measured_against_the_timeouts_of_the_template() -> None:
    used, *measured = ALARMS["FunctionsSlow"]["Metrics"]
    limits = {name: int(limit) for name, limit in re.findall(r"(\w+) / (\d+)", used["Expression"])}
    functions = {
        one["Id"]: one["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"].removesuffix("Function")
        for one in measured
    }

    assert limits == {
        one: 1000 * handlers()[anchor(name).replace("-", "_")]["Timeout"] for one, name in functions.items()
    }


def test_the_template_names_what_is_watched_by_the_names_that_it_has_there() -> None:
    """UpdateStocksFunction is !Ref UpdateStocksFunction, and nothing that has no default is forgotten."""
    observe = template()["Resources"]["Observe"]["Properties"]
    given = dict(observe["Parameters"])
    needed = {name for name, one in OBSERVE["Parameters"].items() if "Default" not in one}

    assert observe["TemplateURL"] == "stacks/observe.yaml"
    assert needed <= given.keys() <= OBSERVE["Parameters"].keys()
    assert (given.pop("Service"), given.pop("ApiId")) == ({"Ref": "AWS::StackName"}, {"Ref": "Api"})
    assert given.pop("Containers") == {"Fn::If": ["RunsContainers", "yes", "no"]}
    for service in ("Product", "Inventory", "User"):
        condition, server, none = given.pop(f"{service}Database")["Fn::If"]
        assert condition == ("MakesDatabase" if service == "Inventory" else "HasThreeServers")
        assert (server, none) == ({"Fn::GetAtt": ["Databases", f"Outputs.{service}ServerId"]}, "")
    for name, value in given.items():
        queue = template()["Resources"].get(name, {}).get("Type") == "AWS::SQS::Queue"
        assert value == ({"Fn::GetAtt": [name, "QueueName"]} if queue else {"Ref": name})


def test_every_queue_function_and_table_of_the_orders_way_is_watched() -> None:
    """What keeps orders waiting: each queue, each consumer and each schedule; and every table."""
    given = template()["Resources"]["Observe"]["Properties"]["Parameters"]
    resources = template()["Resources"]
    consumers = {
        name
        for name, own in functions().items()
        if {event["Type"] for event in own.get("Events", {}).values()} & {"SQS", "Kinesis", "ScheduleV2"}
    }
    of_type = {
        name
        for name, one in resources.items()
        if one["Type"] in ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Kinesis::Stream")
    }

    assert consumers | of_type | {"CreateOrderFunction", "AuthorizerFunction"} <= given.keys()


GIB = 2**30
MEMORY = {"db.t4g.micro": 1 * GIB, "db.t4g.medium": 4 * GIB}


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_connections_run_out_after_the_alarm_and_not_long_after_it(stage: str) -> None:
    """Servers take as many as their memory by 9,531,392; of Aurora's, a unit is 2 GiB ("max_connections")."""
    size = stack("server")["Mappings"]["Sizes"][stage]
    most = {"aurora": size["Most"] * 2 * GIB // 9531392, "instance": MEMORY[size["Class"]] // 9531392}

    assert OBSERVE["Resources"]["DatabaseConnections"]["Properties"]["Threshold"] == {
        "Fn::FindInMap": ["Connections", {"Ref": "Stage"}, {"Ref": "Database"}]
    }
    for kind, connections in most.items():
        assert 0.5 < OBSERVE["Mappings"]["Connections"][stage][kind] / connections < 0.8


def test_no_alarm_measures_more_than_cloudwatch_takes() -> None:
    """Amazon CloudWatch User Guide, "Create a CloudWatch alarm based on a metric math expression"."""
    for name, alarm in ALARMS.items():
        measured = [one for one in alarm.get("Metrics", []) if "Expression" not in one]
        assert len(measured) <= 10, name
