"""INIT: what a function needs is made before its first event, and what a snapshot must not keep is forgotten."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.database import Database, Server
from adapters.tokens.keys import KeySource
from handlers import start, wiring
from tests.signing import jwk, key_set
from tests.template import environment

SRC = Path(__file__).parents[2] / "src"

PROGRAM = """
import gc, json, random, sys
import handlers.MODULE
frozen, enabled, made = gc.get_freeze_count(), gc.isenabled(), []
gc.unfreeze()
if "botocore.client" in sys.modules:
    from botocore.client import BaseClient
    made = sorted(one.meta.service_model.service_name for one in gc.get_objects() if isinstance(one, BaseClient))
    session = len([one for one in gc.get_objects() if type(one).__name__ == "Session"])
    assert session <= 1, session
hooks = []
if "snapshot_restore_py" in sys.modules:
    import snapshot_restore_py
    hooks = [one[0].__qualname__ for one in snapshot_restore_py.get_after_restore()]
print(json.dumps({"frozen": frozen, "enabled": enabled, "clients": made, "hooks": hooks}))
"""


def init(module: str, how: str, **more: str) -> dict[str, Any]:
    """Import a function as Lambda does, in an environment of its own; tell what there is then."""
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "PYTHONPATH": str(SRC), "ORIGIN_SECRET_ID": ""}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("MODULE", module)],
        env={**environment(module), **keys, **more, **({"AWS_LAMBDA_INITIALIZATION_TYPE": how} if how else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


CLIENTS = {
    "get_item": ["dynamodb"],
    "create_order": ["dynamodb", "kinesis", "secretsmanager", "sqs"],
    "project_inventory": ["dynamodb", "dynamodb", "sqs"],
    "login_user": ["cognito-idp", "dynamodb", "dynamodb"],
    "health": [],
    "authorizer": [],
}
"""The clients of some functions: one of a service for each way of waiting for it."""


@pytest.mark.parametrize("module", sorted(CLIENTS))
def test_clients_are_made_in_init_once_and_from_one_session(module: str) -> None:
    assert init(module, "on-demand")["clients"] == CLIENTS[module]


def test_the_client_that_calls_past_the_edge_are_known_by_is_made_in_init_where_there_is_an_edge() -> None:
    assert init("health", "on-demand", ORIGIN_SECRET_ID="secret")["clients"] == ["secretsmanager"]


def test_outside_of_lambda_nothing_is_made_before_it_is_asked_for() -> None:
    found = init("get_item", "")

    assert found["clients"] == []
    assert found["frozen"] == 0


@pytest.mark.parametrize("module", sorted(CLIENTS))
def test_what_init_made_is_frozen_and_garbage_is_looked_for_again(module: str) -> None:
    found = init(module, "on-demand")

    assert found["frozen"] > 10_000
    assert found["enabled"]
    assert found["hooks"] == []


@pytest.mark.parametrize("module", ["create_order", "authorizer", "get_item"])
def test_a_snapshot_is_told_when_it_is_restored(module: str) -> None:
    assert init(module, "snap-start")["hooks"] == ["restored"]


def test_copies_of_a_snapshot_draw_different_numbers() -> None:
    random.seed(1)
    first = random.random()
    random.seed(1)
    start.restored()

    assert random.random() != first


def test_a_restored_snapshot_connects_anew(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_stale", [])
    database = Database("product", lambda: postgres_server, "disable")
    wiring.stale_after_restore(database.close)
    before = database.connection()

    start.restored()

    assert before.closed
    assert database.query("SELECT 1") == [(1,)]
    database.close()


def test_a_restored_snapshot_fetches_the_keys_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_stale", [])
    fetched: list[str] = []
    document = key_set(jwk())

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return document

    keys = KeySource("https://keys", ["RS256"], fetch=fetch)
    wiring.stale_after_restore(keys.forget)
    kid = json.loads(document)["keys"][0]["kid"]
    assert keys.key(kid)
    assert keys.key(kid)

    start.restored()

    assert keys.key(kid)
    assert len(fetched) == 2
