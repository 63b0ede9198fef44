"""GET one item, as `make bench` holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import packages, stub
from benchmarks.contest import Contest, Contestant, http_answer
from local.state import ROOT

OURS, UNCOMPILED = "ours", "ours, without .pyc"
BARE, TRIMMED, RESOLVER, FASTAPI = "bare boto3", "bare boto3, trimmed", "Powertools' resolver", "FastAPI + Mangum"
EVENT = ROOT / "events" / "get-item" / "http-api.json"
VARIABLES = {"ITEMS_TABLE": "items"}


def asks(item: str, known: str | None = None) -> Any:
    """Return the event that asks for an item; `known` is its If-None-Match."""
    event = json.loads(EVENT.read_text())
    path = f"/item/{item}"
    event |= {"rawPath": path, "pathParameters": {"id": item}}
    event["requestContext"]["http"]["path"] = path
    event["requestContext"]["authorizer"]["lambda"]["sub"] = stub.OWNER
    if known:
        event["headers"]["if-none-match"] = known
    return event


OTHERS = {
    "missing": asks(stub.MISSING),
    "somebody else's": asks(stub.FOREIGN),
    "no id": asks("kettle"),
    "known": asks(stub.ITEM, '"2", W/"3"'),
    "changed since": asks(stub.ITEM, '"2"'),
}


@contextmanager
def get_item() -> Iterator[Contest]:
    """Ours, and the same with boto3 alone, Powertools' resolver and FastAPI."""
    shipped, here = packages.ours("GetItem"), packages.contestants()
    contestants = {
        OURS: Contestant("handlers.get_item.handler", [shipped]),
        UNCOMPILED: Contestant("handlers.get_item.handler", [packages.without_pyc(shipped)]),
        BARE: Contestant("get_item_bare.handler", [here, packages.peer("boto3")]),
        TRIMMED: Contestant("get_item_bare.handler", [here, shipped]),
        RESOLVER: Contestant("get_item_powertools.handler", [here, packages.peer("powertools")]),
        FASTAPI: Contestant("get_item_fastapi.handler", [here, packages.peer("fastapi")]),
    }
    yield Contest("GET one item", contestants, asks(stub.ITEM), VARIABLES, OTHERS, stub="get_item", alike=http_answer)
