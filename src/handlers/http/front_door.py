"""The front doors that a request may come through: how each hands it over, and takes the answer.

HTTP API and function URL (payload format 2.0), REST API (1.0), Application Load Balancer with single or multi-value
headers. Powertools' data classes know them, too, but come with those of forty other events: 13 ms of every cold start.
Sources: Lambda Developer Guide, "Invoking a Lambda function using an Amazon API Gateway endpoint", "Process Application
Load Balancer requests with Lambda" and "Invoking Lambda function URLs".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote


class RestApi:
    """A request as a REST API hands it over."""

    is_decoded = False
    """Whether path and path parameters come decoded."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.raw = event

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return what the event says, or a default."""
        return self.raw.get(name, default)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self["httpMethod"])

    @property
    def path(self) -> str:
        """The path, without a stage."""
        return str(self["path"])

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The values of each query parameter."""
        single = {name: text.split(",") for name, text in (self.get("queryStringParameters") or {}).items()}
        return {**single, **(self.get("multiValueQueryStringParameters") or {})}

    def authorized(self) -> Mapping[str, str]:
        """Return what the authorizer in front has found."""
        return self["requestContext"].get("authorizer") or {}

    def answer(self, status: str, headers: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - a load balancer's
        """Return the headers of an answer, and its status in words ("200 OK") where the front door wants them."""
        return {"multiValueHeaders": {name: [value] for name, value in headers.items()}}


class LoadBalancer(RestApi):
    """A request as a load balancer hands it over: as it came."""

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The values of each query parameter."""
        return {unquote(name): [unquote(value) for value in values] for name, values in super().query.items()}

    def answer(self, status: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the headers of an answer, and its status in words."""
        shown = super().answer(status, headers) if self.get("multiValueHeaders") else {"headers": dict(headers)}
        return {"statusDescription": status, **shown}


class HttpApi(RestApi):
    """A request as an HTTP API or a function URL hands it over."""

    is_decoded = True

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self["requestContext"]["http"]["method"])

    @property
    def path(self) -> str:
        """The path, without a stage."""
        stage = self["requestContext"]["stage"]
        path = str(self["rawPath"])
        return path if stage == "$default" else path[len(f"/{stage}") :]

    def authorized(self) -> Mapping[str, str]:
        """Return what the authorizer in front has found."""
        return (self["requestContext"].get("authorizer") or {}).get("lambda") or {}

    def answer(self, status: str, headers: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - a load balancer's
        """Return the headers of an answer."""
        return {"headers": dict(headers)}


def front_door(event: Mapping[str, Any]) -> RestApi:
    """Return an event as its front door's."""
    if event.get("version") == "2.0":
        return HttpApi(event)
    return LoadBalancer(event) if "elb" in event["requestContext"] else RestApi(event)
