"""Handlers in this process, on the emulated AWS and a real PostgreSQL, with the template's variables."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from adapters import aws
from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.system import now
from tests import packaged
from tests.cloud import REGION, ROOT, Cloud
from tests.conftest import TABLES
from tests.events import ROUTE_OF, Context, http
from tests.openapi import check_answer
from tests.servers import service_on
from tests.shop import Shop

collect_ignore = [*(() if packaged.python() else ("test_packages.py",))]

WIRED = {
    "calls": ("calls",),
    "database": ("decisions", "products", "database"),
    "failures": ("failures",),
    "items": ("items",),
    "letters": ("letters", "sources", "poison_letters"),
    "messages": ("publisher",),
    "origin": ("origin_secret",),
    "people": ("accounts", "directory"),
    "tokens": ("verifier",),
    "users": ("users",),
    "views": ("stock_view", "order_counts"),
}


@pytest.fixture(scope="session")
def resources(ministack: Cloud, postgres_server: Server) -> Mapping[str, str]:
    """Return the variables that the template gives to its functions, for resources made for this worker."""
    secrets = {
        f"{name}_secret_arn".upper(): ministack.secret(vars(service_on(postgres_server, name))) for name in TABLES
    }
    master = ministack.secret(vars(postgres_server))
    people = ministack.user_pool()
    return {
        "AWS_ENDPOINT_URL": str(ministack.endpoint),
        "AWS_REGION": REGION,
        "REGION": REGION,
        "USER_STORE": "dynamodb",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT[0],
        "AWS_SECRET_ACCESS_KEY": ROOT[1],
        "POWERTOOLS_SERVICE_NAME": "tradepost",
        "POWERTOOLS_METRICS_NAMESPACE": "Tradepost",
        "TOKENS_VERIFIED_BY": "gateway",
        **secrets,
        **{f"{name}_master_secret_arn".upper(): master for name in TABLES},
        "DATABASE_SSLMODE": "disable",
        "ORDERS_QUEUE_URL": ministack.queue(),
        "SHIPPING_QUEUE_URL": ministack.queue(),
        "ORDERS_DEAD_LETTERS_URL": ministack.queue(),
        "SHIPPING_DEAD_LETTERS_URL": ministack.queue(),
        "PROJECTION_DEAD_LETTERS_URL": ministack.queue(),
        "STREAM_NAME": ministack.stream(),
        "INVENTORY_TABLE": ministack.table("InventoryTable"),
        "ORDER_COUNTS_TABLE": ministack.table("OrderCountsTable"),
        "IDEMPOTENCY_TABLE": ministack.table("IdempotencyTable"),
        "ITEMS_TABLE": ministack.table("ItemsTable"),
        "USERS_TABLE": ministack.table("UsersTable"),
        "THROTTLE_TABLE": ministack.table("ThrottleTable"),
        "FAILURES_TABLE": ministack.table("FailuresTable"),
        "CALLS_PER_MINUTE": "6000",
        "USER_POOL_CLIENT_ID": people["client"],
        "USER_POOL_ID": people["pool"],
        "TOKEN_ISSUER": f"https://cognito-idp.{REGION}.amazonaws.com/{people['pool']}",
        "JWKS_URL": f"{ministack.endpoint}/{people['pool']}/.well-known/jwks.json",
        "TOKEN_CLIENT_IDS": people["client"],
        "TOKEN_ALGORITHMS": "RS256",
        "STAGE": "local",
    }


@pytest.fixture(autouse=True)
def environment(
    resources: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, clean_databases: dict[str, Database]
) -> Mapping[str, str]:
    """Set the variables before any handler is imported or wired, and empty the databases."""
    for name, value in resources.items():
        monkeypatch.setenv(name, value)
    return resources


@pytest.fixture(scope="session", autouse=True)
def unplugged(resources: Mapping[str, str]) -> Iterator[None]:
    """Close in the end what the handlers have opened."""
    yield
    with pytest.MonkeyPatch.context() as variables:
        for name, value in resources.items():
            variables.setenv(name, value)
        unplug()


def unplug() -> None:
    """Forget every adapter that was wired, and close the databases."""
    for module, functions in WIRED.items():
        if not (wiring := sys.modules.get(f"handlers.wiring.{module}")):
            continue
        if module == "database":
            for name in TABLES:
                wiring.database(name).close()
        for function in functions:
            getattr(wiring, function).cache_clear()
    aws._client.cache_clear()


@pytest.fixture
def rewire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that sets variables and wires the adapters anew, as in a new worker."""

    def change(**variables: str) -> None:
        unplug()
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    yield change
    unplug()


@dataclass(frozen=True)
class Answer:
    """What a handler answered to an HTTP request."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.text)

    def problem(self) -> tuple[int, str]:
        """Return (status, kind) of a well-formed problem document (RFC 9457)."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.body["status"] == self.status
        assert self.body["title"]
        assert self.body["detail"]
        prefix, _, kind = self.body["type"].rpartition(":")
        assert prefix == "urn:tradepost:problem"
        return self.status, kind

    def fields(self) -> list[str]:
        """Return the fields that a validation error names."""
        assert all(one["message"] for one in self.body["errors"])
        return [one["field"] for one in self.body["errors"]]


Call = Callable[..., Answer]


@pytest.fixture
def invoke() -> Callable[..., Any]:
    """Return a function that invokes a handler's module with an event."""

    def run(module: str, event: Any, context: Any = None) -> Any:
        return importlib.import_module(f"handlers.{module}").handler(event, context or Context())

    return run


@pytest.fixture
def call(invoke: Callable[..., Any]) -> Call:
    """Return a function that sends a request to a handler's module, as tests.events.http builds it.

    What comes back must be as openapi.json describes it.
    """

    def send(module: str, body: Any = None, *, context: Context | None = None, **request: Any) -> Answer:
        event = http(module, body, **request)
        answer = invoke(module, event, context)
        assert answer["isBase64Encoded"] is False
        assert answer["headers"]["x-request-id"] == event["requestContext"]["requestId"]
        if module in ROUTE_OF:
            check_answer(*ROUTE_OF[module], answer["statusCode"], answer["headers"], answer["body"])
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    return send


@pytest.fixture
def shop(clean_databases: dict[str, Database]) -> Shop:
    """Return the shop behind the handlers, with a publisher in memory; it sells tea and milk, ten of each."""
    store, products = PostgresDecisions(clean_databases["inventory"]), PostgresProducts(clean_databases["product"])
    shop = Shop(store, products, clock=now)
    shop.sell("TEA", 250, on_hand=10)
    shop.sell("MILK", 120, on_hand=10)
    return shop
