"""Every port, plugged into each of its adapters."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.cognito.accounts import CognitoAccounts
from adapters.cognito.directory import CognitoDirectory
from adapters.dynamodb.calls import DynamoCalls
from adapters.dynamodb.failures import DynamoFailures
from adapters.dynamodb.items import DynamoItems
from adapters.dynamodb.order_counts import DynamoOrderCounts
from adapters.dynamodb.stock_view import DynamoStockView
from adapters.dynamodb.users import DynamoUsers
from adapters.memory.decisions import MemoryDecisions
from adapters.memory.items import MemoryItems
from adapters.memory.others import (
    MemoryCalls,
    MemoryFailures,
    MemoryOrderCounts,
    MemoryProducts,
    MemoryPublisher,
    MemoryStockView,
)
from adapters.memory.people import MemoryCognito, MemoryUsers
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.postgres.users import PostgresUsers
from tests.cloud import DYNAMODBS, Cloud


def as_service(request: pytest.FixtureRequest, name: str) -> Any:
    """Return an empty database as its service sees it."""
    request.getfixturevalue("clean_databases")
    return request.getfixturevalue("services")[name]


@pytest.fixture(params=["memory", "postgres"])
def decisions(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryDecisions()
    return PostgresDecisions(as_service(request, "inventory"))


@pytest.fixture(params=["memory", "postgres"])
def products(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryProducts()
    return PostgresProducts(as_service(request, "product"))


@pytest.fixture(params=DYNAMODBS)
def dynamo(request: pytest.FixtureRequest) -> Cloud:
    cloud: Cloud = request.getfixturevalue(request.param)
    return cloud


@pytest.fixture
def publisher() -> MemoryPublisher:
    return MemoryPublisher()


@pytest.fixture(params=["memory", *DYNAMODBS])
def stock_view(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryStockView()
    cloud: Cloud = request.getfixturevalue(request.param)
    parallel = {"parallel": 1} if request.param == "moto" else {}
    return DynamoStockView(cloud.client("dynamodb"), cloud.table("InventoryTable"), **parallel)


@pytest.fixture(params=["memory", *DYNAMODBS])
def order_counts(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryOrderCounts()
    cloud: Cloud = request.getfixturevalue(request.param)
    return DynamoOrderCounts(cloud.client("dynamodb"), cloud.table("OrderCountsTable"))


@pytest.fixture(params=["memory", "postgres", *DYNAMODBS])
def users(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryUsers()
    if request.param == "postgres":
        return PostgresUsers(as_service(request, "user"))
    cloud: Cloud = request.getfixturevalue(request.param)
    return DynamoUsers(cloud.client("dynamodb"), cloud.table("UsersTable"))


@pytest.fixture(params=["memory", *DYNAMODBS])
def items(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryItems()
    cloud: Cloud = request.getfixturevalue(request.param)
    return DynamoItems(cloud.client("dynamodb"), cloud.table("ItemsTable"))


@pytest.fixture(params=["memory", *DYNAMODBS])
def calls(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryCalls()
    cloud: Cloud = request.getfixturevalue(request.param)
    return DynamoCalls(cloud.client("dynamodb"), cloud.table("ThrottleTable"))


@pytest.fixture(params=["memory", *DYNAMODBS])
def failures(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryFailures()
    cloud: Cloud = request.getfixturevalue(request.param)
    parallel = {"parallel": 1} if request.param == "moto" else {}
    return DynamoFailures(cloud.client("dynamodb"), cloud.table("FailuresTable"), **parallel)


@pytest.fixture(params=["memory", "ministack"])
def cognito(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Return accounts and their directory; moto would accept wrong codes."""
    if request.param == "memory":
        people = MemoryCognito()
        return people, people
    cloud: Cloud = request.getfixturevalue("ministack")
    client, ids = cloud.client("cognito-idp"), cloud.user_pool()
    return CognitoAccounts(client, ids["client"]), CognitoDirectory(client, ids["pool"], ids["client"])


@pytest.fixture
def accounts(cognito: tuple[Any, Any]) -> Any:
    return cognito[0]


@pytest.fixture
def directory(cognito: tuple[Any, Any]) -> Any:
    return cognito[1]
