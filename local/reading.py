"""Reading from the deployed template what the local cloud has to run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from local.deployment import API, References, Resources
from local.model import Authorizer, Cors, Deployment, Function, QueueSource, Route, Schedule, StreamSource
from local.state import LocalError

FUNCTION = "AWS::Lambda::Function"
ALIAS = "AWS::Lambda::Alias"
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Resolved(Protocol):
    """What functions, mappings, schedules and the API's CORS settings are, with every reference resolved."""

    def resources(self, kind: str, outputs: Mapping[str, str], /) -> Resources:
        """Return the properties of all resources of a type by their logical ids."""


def read_back(
    template: dict[str, Any], references: Resolved, outputs: Mapping[str, str], code: Mapping[str, Path]
) -> Deployment:
    """Return what the local cloud runs. Raises LocalError for event sources that it cannot run."""
    if rules := [name for name, one in template["Resources"].items() if one["Type"] == "AWS::Events::Rule"]:
        raise LocalError(f"{rules[0]}: the local cloud runs schedules of type ScheduleV2, not EventBridge rules")
    raw = {name: one.get("Properties", {}) for name, one in template["Resources"].items()}
    behind = _behind_aliases(template["Resources"])
    functions = references.resources(FUNCTION, outputs).items()
    mappings = references.resources("AWS::Lambda::EventSourceMapping", outputs).items()
    schedules = references.resources("AWS::Scheduler::Schedule", outputs).items()
    asynchronous = {
        raw[name]["FunctionName"]["Ref"]: one
        for name, one in references.resources("AWS::Lambda::EventInvokeConfig", outputs).items()
    }
    for name, one in mappings:
        _refuse_unknown(name, one)
    (api,) = (one["Properties"] for one in template["Resources"].values() if one["Type"] == API)
    (cors,) = references.resources(API, outputs).values()
    return Deployment(
        functions={name: _function(name, one, code[name]) for name, one in functions},
        routes=tuple(_routes(api["Body"], behind)),
        cors=_cors(cors),
        queues=tuple(
            _queue(behind[raw[name]["FunctionName"]["Ref"]], one)
            for name, one in mappings
            if ":sqs:" in one["EventSourceArn"]
        ),
        streams=tuple(
            _stream(behind[raw[name]["FunctionName"]["Ref"]], one)
            for name, one in mappings
            if ":kinesis:" in one["EventSourceArn"]
        ),
        schedules=tuple(
            _schedule(behind[_named(raw[name]["Target"]["Arn"])], one, asynchronous) for name, one in schedules
        ),
        outputs={name: value for name, value in outputs.items() if not name.startswith(References.PREFIX)},
    )


def _behind_aliases(resources: Mapping[str, Any]) -> Mapping[str, str]:
    """Return which function is invoked by the logical id of a function, and by that of an alias."""
    named = {name: one["Properties"]["FunctionName"]["Ref"] for name, one in resources.items() if one["Type"] == ALIAS}
    return {name: name for name, one in resources.items() if one["Type"] == FUNCTION} | named


def _named(intrinsic: Mapping[str, Any]) -> str:
    """Return the logical id that a Ref or a Fn::GetAtt names, or a Fn::Sub first."""
    if "Fn::Sub" in intrinsic:
        return str(re.findall(r"\$\{(\w+)", intrinsic["Fn::Sub"])[0])
    return str(intrinsic["Ref"] if "Ref" in intrinsic else intrinsic["Fn::GetAtt"][0])


def _refuse_unknown(name: str, mapping: Mapping[str, Any]) -> None:
    """Raise LocalError for an event source that would silently not behave as on AWS."""
    if not re.search(r":(sqs|kinesis):", mapping.get("EventSourceArn", "")):
        raise LocalError(f"{name}: the local cloud polls SQS queues and Kinesis streams only")
    if "FilterCriteria" in mapping:
        raise LocalError(f"{name}: the local cloud does not filter events")


def _function(name: str, properties: Mapping[str, Any], code: Path) -> Function:
    logging = properties.get("LoggingConfig", {})
    return Function(
        name=name,
        handler=properties["Handler"],
        environment=properties.get("Environment", {}).get("Variables", {}),
        memory=int(properties.get("MemorySize", 128)),
        timeout=float(properties.get("Timeout", 3)),
        role_arn=properties["Role"],
        code=code,
        log_format=logging.get("LogFormat", "Text"),
        log_level=logging.get("ApplicationLogLevel"),
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
        on_failure_arn=_on_failure(properties),
    )


def _on_failure(properties: Mapping[str, Any]) -> str | None:
    destination: str | None = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return destination


def _bound(value: Any) -> int | None:
    return None if value is None or int(value) < 0 else int(value)


def _schedule(function: str, properties: Mapping[str, Any], asynchronous: Mapping[str, Any]) -> Schedule:
    """Return a schedule with what its function does about asynchronous invocations that fail."""
    invocations = asynchronous.get(function, {})
    return Schedule(
        function=function,
        every=_seconds(properties["ScheduleExpression"]),
        event=json.loads(properties["Target"].get("Input", "{}")),
        retries=int(invocations.get("MaximumRetryAttempts", 2)),
        on_failure_arn=_on_failure(invocations),
    )


def _seconds(expression: str) -> float:
    """Return the seconds of "rate(5 minutes)". Raises LocalError for another kind of schedule."""
    if not (rate := re.fullmatch(r"rate\((\d+) (second|minute|hour|day)s?\)", expression)):
        raise LocalError(f"the local cloud runs schedules of the form rate(n minutes), not {expression}")
    return float(rate[1]) * SECONDS[rate[2]]


def _routes(body: Mapping[str, Any], behind: Mapping[str, str]) -> Iterator[Route]:
    schemes = body.get("components", {}).get("securitySchemes", {})
    authorizers = {name: _authorizer(name, one, behind) for name, one in schemes.items()}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            named = [name for requirement in operation.get("security", []) for name in requirement]
            yield Route(
                method="ANY" if method == "x-amazon-apigateway-any-method" else method.upper(),
                path=path,
                function=behind[_invoked(operation["x-amazon-apigateway-integration"]["uri"])],
                authorizer=next((authorizers[name] for name in named if name in authorizers), None),
            )


def _authorizer(name: str, scheme: Mapping[str, Any], behind: Mapping[str, str]) -> Authorizer:
    properties = scheme["x-amazon-apigateway-authorizer"]
    headers = [source.removeprefix("$request.header.").lower() for source in properties.get("identitySource", [])]
    return Authorizer(
        name=name,
        function=behind[_invoked(properties["authorizerUri"])],
        identity_headers=tuple(headers),
        ttl=float(properties.get("authorizerResultTtlInSeconds", 0)),
    )


def _invoked(uri: Mapping[str, Any]) -> str:
    """Return the logical id of the function, or of its alias, in an integration's or authorizer's URI."""
    text, variables = uri["Fn::Sub"] if isinstance(uri["Fn::Sub"], list) else (uri["Fn::Sub"], {})
    for variable in variables.values():
        return _named(variable)
    return str(re.findall(r"functions/\$\{(\w+)[.}]", text)[0])


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
