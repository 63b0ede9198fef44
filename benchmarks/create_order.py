"""POST one order, as `make bench` holds it: one real PostgreSQL for all, AWS answering at botocore's door.

Secret and products are asked for, order, lines, event and messages are written in one transaction, the messages are
sent, and the key's answer is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from adapters.postgres.database import Server
from benchmarks import packages
from benchmarks.contest import Contest, Contestant
from local.state import ROOT
from tests.servers import login, postgres

TITLE = "POST one order"
BARE, TRIMMED, RESOLVER, FASTAPI = (
    "boto3 + psycopg",
    "boto3 + psycopg, trimmed",
    "Powertools' resolver",
    "FastAPI + Mangum",
)
EVENT = ROOT / "events" / "create-order" / "http-api.json"
VARIABLES = {
    "PRODUCT_SECRET_ARN": "database",
    "INVENTORY_SECRET_ARN": "database",
    "DATABASE_SSLMODE": "disable",
    "ORDERS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/orders",
    "STREAM_NAME": "stream",
    "IDEMPOTENCY_TABLE": "idempotency",
}
SOLD = {"85123A": (255, "GBP"), "71053": (339, "GBP"), "22632": (185, "EUR")}
WISH = {"lines": [{"sku": "85123A", "quantity": 2}, {"sku": "71053", "quantity": 1}]}


def asks(body: Any, key: str | None = "<unique>") -> Any:
    """Return the event that asks for an order under a key."""
    event = json.loads(EVENT.read_text())
    event["body"] = body if isinstance(body, str) else json.dumps(body)
    event["headers"].pop("idempotency-key")
    return event if key is None else {**event, "headers": {**event["headers"], "idempotency-key": key}}


def line(sku: Any = "85123A", quantity: Any = 1, **more: Any) -> Any:
    """Return a wish of one line."""
    return {"lines": [{"sku": sku, "quantity": quantity, **more}]}


OTHERS = {
    "again": asks(WISH),
    "again, the same": asks(WISH),
    "again, another": asks(line()),
    "no key": asks(WISH, None),
    "spelt otherwise": asks(line(" 85123a "), "<unique>-spelt"),
    "not sold": asks({"lines": [{"sku": "71053", "quantity": 1}, {"sku": "GOLD", "quantity": 1}]}, "<unique>-gold"),
    "two currencies": asks({"lines": [*WISH["lines"], {"sku": "22632", "quantity": 1}]}, "<unique>-currencies"),
    "no sku": asks(line("no such"), "<unique>-sku"),
    "none": asks(line(quantity=0), "<unique>-none"),
    "text for a number": asks(line(quantity="1"), "<unique>-text"),
    "a price of one's own": asks(line(unit_price_minor=1), "<unique>-price"),
    "no lines": asks({"lines": []}, "<unique>-lines"),
    "no JSON": asks("order, please", "<unique>-json"),
}


@contextmanager
def create_order() -> Iterator[Contest]:
    """Ours, and the same with boto3 and psycopg alone, Powertools and FastAPI."""
    shipped, here = packages.ours("CreateOrder"), packages.contestants()
    contestants = {
        "ours": Contestant("handlers.create_order.handler", [shipped]),
        BARE: Contestant("order_bare.handler", [here, packages.peer("boto3_psycopg")]),
        TRIMMED: Contestant("order_bare.handler", [here, packages.trimmed("boto3", "psycopg")]),
        RESOLVER: Contestant("order_powertools.handler", [here, packages.peer("powertools_psycopg")]),
        FASTAPI: Contestant("order_fastapi.handler", [here, packages.peer("fastapi_psycopg")]),
    }
    with postgres() as server:
        sell(server)
        variables = {**VARIABLES, "DATABASE_SECRET": json.dumps(vars(server))}
        yield Contest(TITLE, contestants, asks(WISH), variables, OTHERS, stub="create_order", warm=50, alike=answer)


def sell(server: Server) -> None:
    """Put products into the catalogue."""
    with psycopg.connect(dbname="product", **login(server)) as connection:  # type: ignore[arg-type]
        connection.cursor().executemany(
            "INSERT INTO products (sku, name, description, price_minor, currency, active, created_at, updated_at)"
            " VALUES (%s, 'Tea', 'good', %s, %s, true, now(), now())",
            [(sku, *price) for sku, price in SOLD.items()],
        )


def answer(found: Mapping[str, Any]) -> Any:
    """Return what of an answer callers go by, its id and times taken out; of a problem, what it names."""
    body, headers = json.loads(found["body"]), {name.lower(): value for name, value in found["headers"].items()}
    status = found["statusCode"]
    if "type" in body:
        named = sorted(one["field"] for one in body.get("errors", []))
        return status, headers["content-type"], body["type"], body["title"], body["status"], named
    assert headers["location"] == f"/orders/{body['id']}", headers
    at = body["placed_at"]
    return status, headers["content-type"], json.loads(json.dumps(body).replace(body["id"], "id").replace(at, "at"))
