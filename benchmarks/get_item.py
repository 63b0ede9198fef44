"""GET one item, as `make bench` holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import packages, stub
from benchmarks.contest import Contest, Contestant, http_answer
from benchmarks.endpoints import aws, certified
from benchmarks.runtime_client import under_client
from local.state import ROOT

TITLE, OVER_TLS, UNDER_CLIENT = "GET one item", "GET one item over TLS", "GET one item under AWS's runtime client"
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
        TRIMMED: Contestant("get_item_bare.handler", [here, packages.trimmed("boto3")]),
        RESOLVER: Contestant("get_item_powertools.handler", [here, packages.peer("powertools")]),
        FASTAPI: Contestant("get_item_fastapi.handler", [here, packages.peer("fastapi")]),
    }
    yield Contest("GET one item", contestants, asks(stub.ITEM), VARIABLES, OTHERS, stub="get_item", alike=http_answer)


@contextmanager
def over_tls() -> Iterator[Contest]:
    """Leave the network in: AWS is an HTTPS endpoint on this machine, whose certificate is verified.

    Its authority is added to the certificates that each would look through: botocore's own, or those that ours ship.
    """
    with ExitStack() as stack:
        contest = stack.enter_context(get_item())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        tls, authority = stack.enter_context(certified())
        url = stack.enter_context(aws(stub.get_item, tls))
        theirs = _bundle(folder / "botocore.pem", packages.peer("boto3") / "botocore" / "cacert.pem", authority)
        ours = _bundle(folder / "ours.pem", packages.ours("GetItem") / "adapters" / "aws-ca.pem", authority)
        bundles = {OURS: ours, BARE: theirs, FASTAPI: theirs}
        yield replace(
            contest,
            title=OVER_TLS,
            stub=None,
            warm=50,
            environment={**VARIABLES, "AWS_ENDPOINT_URL": url},
            contestants={
                name: replace(contest.contestants[name], environment={"AWS_CA_BUNDLE": str(bundle)})
                for name, bundle in bundles.items()
            },
        )


@contextmanager
def under_runtime_client() -> Iterator[Contest]:
    """Let AWS's runtime client run them, the interpreter's start included, with AWS at an HTTP endpoint."""
    with get_item() as contest, aws(stub.get_item) as url:
        yield replace(
            contest,
            title=UNDER_CLIENT,
            stub=None,
            warm=50,
            environment={**VARIABLES, "AWS_ENDPOINT_URL": url},
            contestants={name: contest.contestants[name] for name in (OURS, BARE, FASTAPI)},
            turn=under_client,
        )


def _bundle(file: Path, known: Path, authority: str) -> Path:
    file.write_text(f"{known.read_text()}\n{authority}")
    return file
