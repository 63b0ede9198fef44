"""Whatever happens, in whatever order: the same machines over every adapter, and each adapter beside that in memory."""

from __future__ import annotations

import pytest

from adapters.dynamodb.items import DynamoItems
from adapters.dynamodb.order_counts import DynamoOrderCounts
from adapters.dynamodb.stock_view import DynamoStockView
from adapters.dynamodb.users import DynamoUsers
from adapters.memory.decisions import MemoryDecisions
from adapters.memory.items import MemoryItems
from adapters.memory.others import MemoryOrderCounts, MemoryProducts, MemoryStockView
from adapters.memory.people import MemoryUsers
from adapters.postgres.database import Database
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.postgres.users import PostgresUsers
from tests.cloud import Cloud
from tests.conftest import empty
from tests.machines.running import PATIENCE, run
from tests.machines.trade import Trade
from tests.machines.twins import ItemStores, StockViews, UserStores

pytestmark = pytest.mark.timeout(PATIENCE)


def test_trade_on_postgresql(databases: dict[str, Database], services: dict[str, Database]) -> None:
    def begin() -> Trade:
        empty(databases)
        store, products = PostgresDecisions(services["inventory"]), PostgresProducts(services["product"])
        return Trade(store, products, MemoryStockView(), MemoryOrderCounts())

    run(begin, examples=40)


def test_trade_shown_by_dynamodb(dynamo: Cloud) -> None:
    client = dynamo.client("dynamodb")

    def begin() -> Trade:
        view = DynamoStockView(client, dynamo.table("InventoryTable"), parallel=1)
        counts = DynamoOrderCounts(client, dynamo.table("OrderCountsTable"))
        return Trade(MemoryDecisions(), MemoryProducts(), view, counts)

    run(begin, examples=20)


def test_stock_in_dynamodb_as_in_memory(dynamo: Cloud) -> None:
    client = dynamo.client("dynamodb")

    def begin() -> StockViews:
        return StockViews(MemoryStockView(), DynamoStockView(client, dynamo.table("InventoryTable"), parallel=1))

    run(begin, examples=10)


def test_items_in_dynamodb_as_in_memory(dynamo: Cloud) -> None:
    client = dynamo.client("dynamodb")
    run(lambda: ItemStores(MemoryItems(), DynamoItems(client, dynamo.table("ItemsTable"))), examples=15)


def test_people_in_dynamodb_as_in_memory(dynamo: Cloud) -> None:
    client = dynamo.client("dynamodb")
    run(lambda: UserStores(MemoryUsers(), DynamoUsers(client, dynamo.table("UsersTable"))), examples=15)


def test_people_in_postgresql_as_in_memory(databases: dict[str, Database], services: dict[str, Database]) -> None:
    def begin() -> UserStores:
        empty(databases)
        return UserStores(MemoryUsers(), PostgresUsers(services["user"]))

    run(begin, examples=20)
