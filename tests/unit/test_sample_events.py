"""events/: a sample of every trigger of every function, and of what each refuses, in AWS's own shapes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    ApiGatewayAuthorizerRequestV2,
    APIGatewayProxyEventV2Model,
    CloudFormationCustomResourceCreateModel,
    CloudFormationCustomResourceDeleteModel,
    CloudFormationCustomResourceUpdateModel,
    CognitoPreSignupTriggerModel,
    EventBridgeModel,
    KinesisDataStreamModel,
    SqsModel,
)
from pydantic import BaseModel

from local.cli import _sample
from tests.samples.expected import EXPECTED, FOLDER, NOTHING_TO_REFUSE, function_of, is_refused, module_of, sample
from tests.samples.scenes import SCENES
from tests.template import functions, of_type, template

FILES = sorted(str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file())
BY_HAND = {"sweep-orders/stuck-too.json", "reconcile/with-repair.json", "reconcile/with-repair-no-number.json"}
"""What people send: no trigger does."""
NAMED = {"HttpApi": "http-api", "SQS": "sqs", "Kinesis": "kinesis", "ScheduleV2": "schedule", "Cognito": "cognito"}
"""What samples of a trigger are called."""


class SignUp(CognitoPreSignupTriggerModel):
    """Powertools knows one of Cognito's three words ("Pre sign-up Lambda trigger")."""

    triggerSource: Literal["PreSignUp_SignUp", "PreSignUp_AdminCreateUser"]  # noqa: N815 - as Cognito spells it


class Rotation(BaseModel):
    """Powertools has a data class of it and no model ("Lambda rotation functions", Secrets Manager User Guide)."""

    Step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"]
    SecretId: str
    ClientRequestToken: UUID


MODELS: dict[str, type[BaseModel]] = {
    "cognito": SignUp,
    "http-api": APIGatewayProxyEventV2Model,
    "sqs": SqsModel,
    "kinesis": KinesisDataStreamModel,
    "schedule": EventBridgeModel,
    "rotation": Rotation,
    "create": CloudFormationCustomResourceCreateModel,
    "update": CloudFormationCustomResourceUpdateModel,
    "delete": CloudFormationCustomResourceDeleteModel,
}
REQUESTS = [file for file in FILES if "/http-api" in file]
QUEUED = [file for file in FILES if "/sqs" in file]
STREAMED = [file for file in FILES if "/kinesis" in file]
SCHEDULED = [file for file in FILES if file.endswith("/schedule.json")]


def trigger(file: str) -> str:
    """Return what a sample's file is called after."""
    return next(name for name in MODELS if file.partition("/")[2].startswith(name))


def properties(file: str) -> dict[str, Any]:
    """Return what the template says of the event that a sample is one of."""
    (found,) = (one["Properties"] for one in functions()[function_of(file)]["Events"].values())
    assert isinstance(found, dict)
    return found


def test_every_sample_has_an_expected_outcome_and_every_scene_a_sample() -> None:
    assert set(EXPECTED) == set(FILES)
    assert set(SCENES) <= set(FILES)


def test_every_trigger_of_every_function_has_a_sample() -> None:
    wanted = {
        (name, NAMED[event["Type"]]) for name, own in functions().items() for event in own.get("Events", {}).values()
    }
    wanted |= {("AuthorizerFunction", "http-api"), ("RotateSecretFunction", "rotation")}
    wanted |= {("MigrateDatabaseFunction", kind) for kind in ("create", "update", "delete")}

    assert {(function_of(file), trigger(file)) for file in FILES if file not in BY_HAND} == wanted
    assert {function_of(file) for file in FILES} == set(functions())


def test_every_function_that_can_refuse_an_event_has_one_that_it_refuses() -> None:
    refused = {file.partition("/")[0] for file in FILES if is_refused(file)}
    all_of_them = {file.partition("/")[0] for file in FILES}

    assert all_of_them - refused == set(NOTHING_TO_REFUSE)
    assert {file.partition("/")[0] for file in FILES if not is_refused(file)} == all_of_them


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_command_without_an_event_takes_a_good_one(function: str) -> None:
    file = _sample(function)

    assert file
    assert not is_refused(f"{file.parent.name}/{file.name}")


@pytest.mark.parametrize("file", FILES)
def test_what_is_refused_is_called_after_why(file: str) -> None:
    refusal = re.match(r"4\d\d|denied|raised|failed", EXPECTED[file])

    assert bool(refusal) == is_refused(file) or file in {
        "not-found/http-api.json",  # all that it is for
        "not-found/http-api-slash.json",
        "project-inventory/kinesis-malformed.json",  # buried, and done
    }


@pytest.mark.parametrize("file", [file for file in FILES if file not in BY_HAND])
def test_powertools_own_model_knows_every_member_of_a_sample(file: str) -> None:
    event = sample(file)
    model = ApiGatewayAuthorizerRequestV2 if module_of(file) == "authorizer" else MODELS[trigger(file)]
    said = {**event, "detail": json.loads(event["detail"])} if trigger(file) == "schedule" else event

    parsed = model.model_validate(said)

    assert names(parsed.model_dump(by_alias=True, exclude_unset=True)) == names(said)


def names(value: Any) -> Any:
    """Return the names of all members, at their places."""
    if isinstance(value, dict):
        return {name: names(member) for name, member in value.items()}
    return [names(member) for member in value] if isinstance(value, list) else None


@pytest.mark.parametrize("file", REQUESTS)
def test_a_request_says_the_same_of_itself_everywhere(file: str) -> None:
    event = sample(file)
    context, headers = event["requestContext"], event["headers"]

    assert event["routeKey"] == context["routeKey"]
    assert event["rawPath"] == context["http"]["path"]
    assert dict(parse_qsl(event["rawQueryString"])) == event.get("queryStringParameters", {})
    assert headers["content-length"] == str(len(event.get("body", "").encode()))
    assert (headers["host"], headers["user-agent"]) == (context["domainName"], context["http"]["userAgent"])
    assert headers["x-forwarded-for"] == context["http"]["sourceIp"]
    assert context["domainName"].partition(".")[0] == context["apiId"] == context["domainPrefix"]
    assert all(name == name.lower() for name in headers), "an HTTP API's are"


@pytest.mark.parametrize("file", [file for file in REQUESTS if module_of(file) not in {"authorizer", "not_found"}])
def test_a_request_goes_to_the_route_that_the_template_gives_its_function(file: str) -> None:
    event, route = sample(file), properties(file)
    path = route["Path"]
    for name, value in event.get("pathParameters", {}).items():
        path = path.replace(f"{{{name}}}", value)

    assert event["routeKey"] == f"{route['Method']} {route['Path']}"
    assert (event["requestContext"]["http"]["method"], event["rawPath"]) == (route["Method"], path)
    public = route.get("Auth", {}).get("Authorizer") == "NONE"
    assert ("authorizer" in event["requestContext"]) != public


@pytest.mark.parametrize("file", [file for file in REQUESTS if "authorizer" in sample(file)["requestContext"]])
def test_an_authorizer_s_context_is_flat_text_with_what_ours_says(file: str) -> None:
    context = sample(file)["requestContext"]["authorizer"]["lambda"]

    assert set(context) == {"sub", "username", "client_id", "scope", "groups", "exp"}
    assert all(isinstance(value, str) for value in context.values())


@pytest.mark.parametrize("file", [file for file in REQUESTS if module_of(file) == "not_found"])
def test_what_no_route_takes_comes_by_the_default_route(file: str) -> None:
    event = sample(file)

    assert event["routeKey"] == "$default"
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize("file", [file for file in REQUESTS if module_of(file) == "authorizer"])
def test_an_authorizer_is_asked_about_a_route_and_the_headers_that_it_is_known_by(file: str) -> None:
    event = sample(file)
    identity = of_type("AWS::Serverless::HttpApi")["Api"]["Auth"]["Authorizers"]["Jwt"]["Identity"]["Headers"]

    assert event["routeArn"].endswith(f"/{event['requestContext']['stage']}/{event['routeKey'].replace(' ', '', 1)}")
    assert event["identitySource"] == [event["headers"][name.lower()] for name in identity]


@pytest.mark.parametrize("file", QUEUED)
def test_a_message_is_one_of_its_function_s_queue(file: str) -> None:
    queue = properties(file)["Queue"]["Fn::GetAtt"][0]

    for record in sample(file)["Records"]:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
        assert f"-{queue}-" in record["eventSourceARN"]
        assert f":{record['awsRegion']}:" in record["eventSourceARN"]


@pytest.mark.parametrize("file", STREAMED)
def test_a_record_is_one_of_its_function_s_stream(file: str) -> None:
    stream = properties(file)["Stream"]["Fn::GetAtt"][0]

    for record in sample(file)["Records"]:
        assert base64.b64decode(record["kinesis"]["data"], validate=True)
        assert record["eventID"] == f"shardId-000000000000:{record['kinesis']['sequenceNumber']}"
        assert f":stream/tradepost-{stream}-" in record["eventSourceARN"]


@pytest.mark.parametrize("file", SCHEDULED)
def test_a_schedule_without_an_input_of_its_own_sends_the_scheduler_s_notification(file: str) -> None:
    """Source: EventBridge Scheduler API Reference, "Target", Input."""
    event = sample(file)
    ((logical, schedule),) = functions()[function_of(file)]["Events"].items()

    assert "Input" not in schedule["Properties"]
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")
    assert f"-{function_of(file)}{logical}-" in event["resources"][0]


@pytest.mark.parametrize("file", [file for file in FILES if module_of(file) == "migrate_database"])
def test_cloudformation_asks_for_the_resource_that_the_template_names(file: str) -> None:
    event = sample(file)
    resource = template()["Resources"][event["LogicalResourceId"]]

    assert event["ResourceType"] == resource["Type"]
    assert set(event["ResourceProperties"]) == set(resource["Properties"])
    assert event["ResourceProperties"]["ServiceToken"] == event["ServiceToken"]


def test_samples_hold_nothing_that_could_be_a_secret() -> None:
    """Their tokens are words, or signed by nobody; their account is AWS's own example."""
    for file in FILES:
        text = (FOLDER / file).read_text()
        assert not re.search(r"(AKIA|ASIA)[A-Z0-9]{16}", text)
        assert set(re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d*):", text)) <= {"123456789012"}, file
