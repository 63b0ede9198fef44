"""Creating the translated template's resources, and reading back what the local cloud has to run.

CloudFormation itself resolves every reference: each intrinsic function of a function, mapping or schedule is
added to the deployed copy as an output, and the answers are put in its place.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.model import Authorizer, Cors, Deployment, Function, QueueSource, Route, Schedule, StreamSource
from local.state import LocalError

STACK = "tradepost"
UNUSED = {"VpcConfig", "Code", "Tags", "FunctionName"}
"""Properties that the local cloud does not look at, and whose references need not be strings."""
API = "AWS::ApiGatewayV2::Api"
RESOLVED = ("AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping", "AWS::Scheduler::Schedule")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

Resources = dict[str, dict[str, Any]]


class CustomResource:
    """A custom resource, left out of the emulated stack: the function behind it is run by us."""

    def __init__(self, name: str, resource: Mapping[str, Any]) -> None:
        self.name = name
        self.type: str = resource["Type"]
        properties = dict(resource["Properties"])
        self.function: str = properties.pop("ServiceToken")["Fn::GetAtt"][0]
        self.properties = properties


def custom_resources(template: dict[str, Any]) -> list[CustomResource]:
    """Take the custom resources out of a template and return them."""
    names = {name for name, one in template["Resources"].items() if one["Type"].startswith("Custom::")}
    for one in template["Resources"].values():
        needed = one.get("DependsOn", [])
        one["DependsOn"] = [name for name in ([needed] if isinstance(needed, str) else needed) if name not in names]
    return [CustomResource(name, template["Resources"].pop(name)) for name in names]


def deploy(client: Callable[[str], Any], template: dict[str, Any], parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Create the stack and return its outputs. Raises LocalError naming the resource that failed."""
    bucket, key = f"{STACK}-deploy", "template.json"
    s3, cloudformation = client("s3"), client("cloudformation")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    try:
        cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=f"{s3.meta.endpoint_url}/{bucket}/{key}",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
    except ClientError as error:
        raise LocalError(f"the template cannot be deployed: {error.response['Error']['Message']}") from error
    while (stack := cloudformation.describe_stacks(StackName=STACK)["Stacks"][0])["StackStatus"].endswith("PROGRESS"):
        time.sleep(0.05)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise LocalError(f"the template cannot be deployed: {_why(cloudformation, stack)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def physical_ids(client: Callable[[str], Any]) -> Mapping[str, str]:
    """Return the physical id of each of the stack's resources by its logical id."""
    found = client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def _why(cloudformation: Any, stack: Mapping[str, Any]) -> str:
    for event in cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]:
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("FAILED") and "cancelled" not in reason:
            return f"{event['LogicalResourceId']}: {reason}"
    return str(stack.get("StackStatusReason") or stack["StackStatus"])


class References:
    """The intrinsic functions in a template's functions, mappings and schedules, numbered as outputs."""

    PREFIX = "Reference"

    def __init__(self, template: dict[str, Any]) -> None:
        self._resources: Resources = {
            name: {"Type": one["Type"], "Properties": _used(one["Properties"])}
            for name, one in template["Resources"].items()
            if one["Type"] in RESOLVED
        }
        self._resources |= {
            name: {"Type": API, "Properties": _cors_texts(one["Properties"]["Body"])}
            for name, one in template["Resources"].items()
            if one["Type"] == API
        }
        self._outputs: dict[str, Any] = {}
        for one in self._resources.values():
            _replace(one["Properties"], self._number)
        self._numbers = {json.dumps(value, sort_keys=True): name for name, value in self._outputs.items()}
        template.setdefault("Outputs", {}).update(
            {name: {"Value": _as_strings(value)} for name, value in self._outputs.items()}
        )

    def resources(self, kind: str, outputs: Mapping[str, str]) -> Resources:
        """Return the properties of all resources of a type, references resolved to strings."""

        def value(intrinsic: dict[str, Any]) -> str:
            return outputs[self._numbers[json.dumps(intrinsic, sort_keys=True)]]

        return {
            name: _replace(one["Properties"], value) for name, one in self._resources.items() if one["Type"] == kind
        }

    def _number(self, intrinsic: dict[str, Any]) -> None:
        if intrinsic not in self._outputs.values():
            self._outputs[f"{self.PREFIX}{len(self._outputs)}"] = intrinsic


def _used(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in UNUSED}


def _replace(node: Any, by: Callable[[dict[str, Any]], Any]) -> Any:
    if isinstance(node, dict):
        if len(node) == 1 and (next(iter(node)) == "Ref" or next(iter(node)).startswith("Fn::")):
            return by(node)
        return {name: _replace(value, by) for name, value in node.items()}
    if isinstance(node, list):
        return [_replace(value, by) for value in node]
    return node


def _as_strings(node: Any) -> Any:
    """Return an intrinsic whose literals are strings, as outputs must be."""
    if isinstance(node, dict):
        return {name: _as_strings(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_as_strings(value) for value in node]
    return json.dumps(node) if isinstance(node, bool | int) else node


def read_back(
    template: dict[str, Any], references: References, outputs: Mapping[str, str], code: Mapping[str, Path]
) -> Deployment:
    """Return what the local cloud runs. Raises LocalError for event sources that it cannot run."""
    if rules := [name for name, one in template["Resources"].items() if one["Type"] == "AWS::Events::Rule"]:
        raise LocalError(f"{rules[0]}: the local cloud runs schedules of type ScheduleV2, not EventBridge rules")
    raw = {name: one.get("Properties", {}) for name, one in template["Resources"].items()}
    functions = references.resources("AWS::Lambda::Function", outputs).items()
    mappings = references.resources("AWS::Lambda::EventSourceMapping", outputs).items()
    schedules = references.resources("AWS::Scheduler::Schedule", outputs).items()
    for name, one in mappings:
        _refuse_unknown(name, one)
    (api,) = (one["Properties"] for one in template["Resources"].values() if one["Type"] == API)
    (cors,) = references.resources(API, outputs).values()
    return Deployment(
        functions={name: _function(name, one, code[name]) for name, one in functions},
        routes=tuple(_routes(api["Body"])),
        cors=_cors(cors),
        queues=tuple(
            _queue(raw[name]["FunctionName"]["Ref"], one) for name, one in mappings if ":sqs:" in one["EventSourceArn"]
        ),
        streams=tuple(
            _stream(raw[name]["FunctionName"]["Ref"], one)
            for name, one in mappings
            if ":kinesis:" in one["EventSourceArn"]
        ),
        schedules=tuple(_schedule(raw[name]["Target"]["Arn"]["Fn::GetAtt"][0], one) for name, one in schedules),
        outputs={name: value for name, value in outputs.items() if not name.startswith(References.PREFIX)},
    )


def _refuse_unknown(name: str, mapping: Mapping[str, Any]) -> None:
    """Raise LocalError for an event source that would silently not behave as on AWS."""
    if not re.search(r":(sqs|kinesis):", mapping.get("EventSourceArn", "")):
        raise LocalError(f"{name}: the local cloud polls SQS queues and Kinesis streams only")
    if "FilterCriteria" in mapping:
        raise LocalError(f"{name}: the local cloud does not filter events")


def _function(name: str, properties: Mapping[str, Any], code: Path) -> Function:
    return Function(
        name=name,
        handler=properties["Handler"],
        environment=properties.get("Environment", {}).get("Variables", {}),
        memory=int(properties.get("MemorySize", 128)),
        timeout=float(properties.get("Timeout", 3)),
        role_arn=properties["Role"],
        code=code,
    )


def _queue(function: str, properties: Mapping[str, Any]) -> QueueSource:
    concurrency = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
    return QueueSource(
        function=function,
        queue_arn=properties["EventSourceArn"],
        batch_size=int(properties.get("BatchSize", 10)),
        window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
        concurrency=int(concurrency) if concurrency is not None else None,
        reports_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
    )


def _stream(function: str, properties: Mapping[str, Any]) -> StreamSource:
    return StreamSource(
        function=function,
        stream_arn=properties["EventSourceArn"],
        starting_position=properties["StartingPosition"],
        batch_size=int(properties.get("BatchSize", 100)),
        window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
        parallelisation=int(properties.get("ParallelizationFactor", 1)),
        retries=_bound(properties.get("MaximumRetryAttempts")),
        max_age=_bound(properties.get("MaximumRecordAgeInSeconds")),
        bisects=str(properties.get("BisectBatchOnFunctionError", False)).lower() == "true",
        reports_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        on_failure_arn=properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
    )


def _bound(value: Any) -> int | None:
    return None if value is None or int(value) < 0 else int(value)


def _schedule(function: str, properties: Mapping[str, Any]) -> Schedule:
    return Schedule(
        function=function,
        every=_seconds(properties["ScheduleExpression"]),
        event=json.loads(properties["Target"].get("Input", "{}")),
        retries=int(properties["Target"].get("RetryPolicy", {}).get("MaximumRetryAttempts", 2)),
    )


def _seconds(expression: str) -> float:
    """Return the seconds of "rate(5 minutes)". Raises LocalError for another kind of schedule."""
    if not (rate := re.fullmatch(r"rate\((\d+) (second|minute|hour|day)s?\)", expression)):
        raise LocalError(f"the local cloud runs schedules of the form rate(n minutes), not {expression}")
    return float(rate[1]) * SECONDS[rate[2]]


def _routes(body: Mapping[str, Any]) -> Iterator[Route]:
    schemes = body.get("components", {}).get("securitySchemes", {})
    authorizers = {name: _authorizer(name, one) for name, one in schemes.items()}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            named = [name for requirement in operation.get("security", []) for name in requirement]
            yield Route(
                method="ANY" if method == "x-amazon-apigateway-any-method" else method.upper(),
                path=path,
                function=_invoked(operation["x-amazon-apigateway-integration"]["uri"]),
                authorizer=next((authorizers[name] for name in named if name in authorizers), None),
            )


def _authorizer(name: str, scheme: Mapping[str, Any]) -> Authorizer:
    properties = scheme["x-amazon-apigateway-authorizer"]
    headers = [source.removeprefix("$request.header.").lower() for source in properties.get("identitySource", [])]
    return Authorizer(
        name=name,
        function=_invoked(properties["authorizerUri"]),
        identity_headers=tuple(headers),
        ttl=float(properties.get("authorizerResultTtlInSeconds", 0)),
    )


def _invoked(uri: Mapping[str, Any]) -> str:
    """Return the logical id of the function in an integration's or authorizer's URI."""
    text, variables = uri["Fn::Sub"] if isinstance(uri["Fn::Sub"], list) else (uri["Fn::Sub"], {})
    for variable in variables.values():
        return str(variable["Fn::GetAtt"][0])
    return str(re.findall(r"\$\{(\w+)\.Arn\}", text)[0])


def _cors_texts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return each CORS property as text, lists joined by commas, as an output can resolve it."""
    found = body.get("x-amazon-apigateway-cors", {})
    condition, then, _ = found.get("Fn::If", (None, found, None))
    texts = {name: _joined(value) for name, value in then.items()}
    return {name: {"Fn::If": [condition, text, ""]} for name, text in texts.items()} if condition else texts


def _joined(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, dict):
        return value["Fn::Split"][1] if "Fn::Split" in value else value
    return json.dumps(value)


def _cors(texts: Mapping[str, str]) -> Cors | None:
    """Return what the texts say; None when a condition has left all of them empty."""
    if not any(texts.values()):
        return None
    return Cors(
        origins=_split(texts.get("allowOrigins")),
        methods=_split(texts.get("allowMethods")),
        headers=_split(texts.get("allowHeaders")),
        exposed=_split(texts.get("exposeHeaders")),
        credentials=texts.get("allowCredentials") == "true",
        max_age=int(texts["maxAge"]) if "maxAge" in texts else None,
    )


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
