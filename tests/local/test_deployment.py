"""What the local cloud reads from a deployed template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from local.deployment import References, custom_resources, leave_out_triggers
from local.model import Authorizer, Deployment, QueueSource, Route, Schedule, StreamSource
from local.reading import read_back
from local.state import ROOT, LocalError
from local.template import code_folders, translate

ARN = "arn:aws:{service}:us-east-1:000000000000:{name}"
SERVICES = {"Queue": "sqs", "Failures": "sqs", "Stream": "kinesis", "Rare": "kinesis"}
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Size: {Type: Number, Default: 5}
Globals:
  Function: {Runtime: python3.13, CodeUri: src/, AutoPublishAlias: live}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: ['https://shop.example'], AllowMethods: [GET], MaxAge: 600}
      Auth:
        DefaultAuthorizer: Jwt
        Authorizers:
          Jwt:
            FunctionArn: !Ref Guard.Alias
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization, X-Tenant], ReauthorizeEvery: 60}
  Guard: {Type: AWS::Serverless::Function, Properties: {Handler: guard.handler}}
  Logs: {Type: AWS::Logs::LogGroup}
  Queue: {Type: AWS::SQS::Queue}
  Failures: {Type: AWS::SQS::Queue}
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Rare: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Handler: work.handler
      MemorySize: 256
      Timeout: 12
      LoggingConfig: {LogGroup: !Ref Logs, LogFormat: JSON, ApplicationLogLevel: INFO}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}
      Environment: {Variables: {QUEUE: !Ref Queue, PLAIN: text, WHERE: !Sub '${AWS::Region}/${Queue}'}}
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: '/things/{id}'}}
        Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /open, Method: ANY, Auth: {Authorizer: NONE}}}
        Every: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(5 minutes), Input: '{"a": 1}'}}
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
            BatchSize: !Ref Size
            MaximumBatchingWindowInSeconds: 2
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 4}
        Stream:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Stream.Arn
            StartingPosition: TRIM_HORIZON
            BatchSize: 1000
            MaximumRetryAttempts: 3
            MaximumRecordAgeInSeconds: -1
            BisectBatchOnFunctionError: true
            ParallelizationFactor: 2
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}
        Rare:
          Type: Kinesis
          Properties: {Stream: !GetAtt Rare.Arn, StartingPosition: LATEST}
Outputs:
  Where: {Value: !Ref Queue}
"""


def resolve(node: Any) -> str:
    """Resolve an output as CloudFormation would."""
    if isinstance(node, str):
        return node
    ((function, value),) = node.items()
    if function == "Fn::If":
        return resolve(value[1] if value[0] == "Always" else value[2])
    if function == "Fn::Sub":
        return str(value).replace("${AWS::Region}", "us-east-1").replace("${Queue}", "Queue-id")
    name = value if function == "Ref" else value[0]
    if function == "Fn::GetAtt":
        return ARN.format(service=SERVICES.get(name, "lambda"), name=name)
    return "5" if name == "Size" else f"{name}-id"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "template.yaml"
    file.write_text(TEMPLATE)
    return file


def deployed(file: Path) -> Deployment:
    """Return the deployment that a template is read as."""
    template = translate(file, {}, "us-east-1")
    references = References(template)
    outputs = {name: resolve(output["Value"]) for name, output in template["Outputs"].items()}
    return read_back(template, references, outputs, code_folders(file))


@pytest.fixture
def deployment(file: Path) -> Deployment:
    return deployed(file)


def test_a_function_gets_what_the_template_says(deployment: Deployment, file: Path) -> None:
    work = deployment.functions["Work"]
    assert (work.name, work.handler, work.memory, work.timeout) == ("Work", "work.handler", 256, 12)
    assert work.environment == {"QUEUE": "Queue-id", "PLAIN": "text", "WHERE": "us-east-1/Queue-id"}
    assert work.role_arn == ARN.format(service="lambda", name="WorkRole")
    assert work.code == file.parent / "src"
    assert (work.log_format, work.log_level) == ("JSON", "INFO")


def test_a_function_without_settings_gets_lambda_s_defaults(deployment: Deployment) -> None:
    guard = deployment.functions["Guard"]
    assert (guard.memory, guard.timeout, guard.environment) == (128, 3, {})
    assert (guard.log_format, guard.log_level) == ("Text", None)


def test_routes_stand_behind_their_authorizer_or_none(deployment: Deployment) -> None:
    jwt = Authorizer("Jwt", "Guard", ("authorization", "x-tenant"), 60)
    assert set(deployment.routes) == {
        Route("GET", "/things/{id}", "Work", jwt),
        Route("ANY", "/open", "Work", None),
    }


CORS = "{AllowOrigins: !Split [',', !Ref Origins], ExposeHeaders: [etag, location], MaxAge: 600}"


@pytest.mark.parametrize(
    ("condition", "origins"), [("Always", ("https://a.example", "https://b.example")), ("Never", None)]
)
def test_cors_may_stand_under_a_condition(file: Path, condition: str, origins: Any) -> None:
    conditional = f"!If [{condition}, {CORS}, !Ref AWS::NoValue]"
    text = re.sub("CorsConfiguration: .*", f"CorsConfiguration: {conditional}", TEMPLATE)
    file.write_text(
        text.replace(
            "Parameters:", "Parameters:\n  Origins: {Type: String, Default: 'https://a.example,https://b.example'}"
        )
    )
    cors = deployed(file).cors
    assert (cors and cors.origins) == origins
    assert (cors and (cors.exposed, cors.max_age)) == (origins and (("etag", "location"), 600))


def test_cors_is_the_api_s(deployment: Deployment) -> None:
    assert deployment.cors
    assert (deployment.cors.origins, deployment.cors.methods) == (("https://shop.example",), ("GET",))
    assert (deployment.cors.headers, deployment.cors.credentials, deployment.cors.max_age) == ((), False, 600)


def test_a_queue_source_has_its_limits(deployment: Deployment) -> None:
    assert deployment.queues == (
        QueueSource("Work", ARN.format(service="sqs", name="Queue"), 5, 2, 4, reports_item_failures=True),
    )


def test_a_stream_source_has_its_retries_and_its_destination(deployment: Deployment) -> None:
    chosen = StreamSource(
        function="Work",
        stream_arn=ARN.format(service="kinesis", name="Stream"),
        starting_position="TRIM_HORIZON",
        batch_size=1000,
        parallelisation=2,
        retries=3,
        max_age=None,
        bisects=True,
        on_failure_arn=ARN.format(service="sqs", name="Failures"),
    )
    default = StreamSource("Work", ARN.format(service="kinesis", name="Rare"))
    assert set(deployment.streams) == {chosen, default}


def test_a_schedule_has_its_period_and_event(deployment: Deployment) -> None:
    failures = ARN.format(service="sqs", name="Failures")
    assert deployment.schedules == (Schedule("Work", 300, {"a": 1}, 1, failures),)


def test_what_is_behind_an_alias_is_what_is_run_without_one(file: Path, deployment: Deployment) -> None:
    plain = TEMPLATE.replace(", AutoPublishAlias: live", "").replace("!Ref Guard.Alias", "!GetAtt Guard.Arn")
    file.write_text(re.sub(r"      EventInvokeConfig:\n.*\n.*\n", "", plain))
    without = deployed(file)
    assert (without.routes, without.queues, without.streams) == (
        deployment.routes,
        deployment.queues,
        deployment.streams,
    )
    assert without.schedules == (Schedule("Work", 300, {"a": 1}),)


def test_the_outputs_are_the_template_s_own(deployment: Deployment) -> None:
    assert deployment.outputs == {"Where": "Queue-id"}


def test_a_schedule_of_another_kind_is_refused(file: Path) -> None:
    file.write_text(TEMPLATE.replace("rate(5 minutes)", "'cron(0 12 * * ? *)'"))
    with pytest.raises(LocalError, match=r"rate\(n minutes\), not cron\(0 12"):
        deployed(file)


@pytest.mark.parametrize(("period", "seconds"), [("1 minute", 60), ("2 hours", 7200), ("1 day", 86400)])
def test_a_period_is_read_in_its_unit(file: Path, period: str, seconds: float) -> None:
    file.write_text(TEMPLATE.replace("5 minutes", period))
    assert [one.every for one in deployed(file).schedules] == [seconds]


def test_custom_resources_are_taken_out_of_the_project_s_template() -> None:
    template = translate(ROOT / "template.yaml", {}, "us-east-1")
    (schema,) = custom_resources(template)
    assert "DatabaseSchema" not in template["Resources"]
    assert (schema.name, schema.type, schema.function) == (
        "DatabaseSchema",
        "Custom::DatabaseSchema",
        "MigrateDatabaseFunction",
    )
    assert "ServiceToken" not in schema.properties


def test_cognito_calls_none_of_the_project_s_functions_here() -> None:
    """Emulated, it would call what stands in for them; decisions.md tells what that leaves open on a laptop."""
    template = translate(ROOT / "template.yaml", {}, "us-east-1")
    assert "LambdaConfig" in template["Resources"]["UserPool"]["Properties"]
    leave_out_triggers(template)
    assert "LambdaConfig" not in template["Resources"]["UserPool"]["Properties"]


def test_every_reference_is_asked_for_once() -> None:
    template = translate(ROOT / "template.yaml", {}, "us-east-1")
    before = set(template["Outputs"])
    References(template)
    asked = [repr(output["Value"]) for name, output in template["Outputs"].items() if name not in before]
    assert len(asked) == len(set(asked)) > 20
