"""Bringing a database's schema up to date."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.migrations import FOLDER, Migration, MigrationChanged, all_migrations, fingerprint, migrate
from tests.together import together

Connect = Callable[..., Database]
TEA = Migration("001_tea", "CREATE TABLE tea (id int); INSERT INTO tea VALUES (1)")
MILK = Migration("002_milk", "CREATE TABLE milk (id int)")


@pytest.fixture
def name(another: Connect) -> Iterator[str]:
    """Return the name of a database that does not exist yet."""
    name = f"db_{secrets.token_hex(4)}"
    yield name
    another("postgres").connection().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_missing_databases_are_made_and_migrated(another: Connect, name: str) -> None:
    assert migrate(another, name, [TEA, MILK]) == [f"{name}/001_tea", f"{name}/002_milk"]
    assert another(name).query("SELECT id FROM tea") == [(1,)]


def test_a_migration_runs_once(another: Connect, name: str) -> None:
    migrate(another, name, [TEA])

    assert migrate(another, name, [TEA]) == []
    assert another(name).query("SELECT id FROM tea") == [(1,)]


def test_a_new_migration_runs_on_top(another: Connect, name: str) -> None:
    migrate(another, name, [TEA])

    assert migrate(another, name, [TEA, MILK]) == [f"{name}/002_milk"]


def test_a_migration_that_was_edited_is_refused(another: Connect, name: str) -> None:
    migrate(another, name, [TEA])

    with pytest.raises(MigrationChanged, match="001_tea"):
        migrate(another, name, [replace(TEA, text="CREATE TABLE coffee (id int)"), MILK])

    assert another(name).query("SELECT to_regclass('milk')") == [(None,)]


def test_a_migration_that_fails_leaves_nothing_of_itself(another: Connect, name: str) -> None:
    broken = Migration("002_broken", "CREATE TABLE half (id int); SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(another, name, [TEA, broken, MILK])

    assert another(name).query("SELECT to_regclass('tea'), to_regclass('half'), to_regclass('milk')") == [
        ("tea", None, None)
    ]
    assert migrate(another, name, [TEA, MILK]) == [f"{name}/002_milk"]


def test_two_at_once_migrate_once(another: Connect, name: str) -> None:
    ran = together(2, lambda _: migrate(another, name, [TEA, MILK]))

    assert sorted(ran) == [[], [f"{name}/001_tea", f"{name}/002_milk"]]


def test_an_older_deployment_does_not_mind_newer_migrations(another: Connect, name: str) -> None:
    """A rollback, or a canary's old code: migrations only ever add."""
    migrate(another, name, [TEA, MILK])

    assert migrate(another, name, [TEA]) == []


def test_files_are_read_in_order(tmp_path: Path) -> None:
    for file in ("b/002_two.sql", "b/001_one.sql", "a/001_other.sql", "b/notes.txt"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(f"-- {file}")

    found = all_migrations(tmp_path)

    assert {name: [one.name for one in many] for name, many in found.items()} == {
        "a": ["001_other"],
        "b": ["001_one", "002_two"],
    }
    assert found["b"][0].text == "-- b/001_one.sql"


def test_the_fingerprint_changes_with_every_file_and_every_right() -> None:
    given = {"one": [TEA], "two": [MILK]}

    assert fingerprint(given) == fingerprint({"one": [TEA], "two": [MILK]})
    assert len({
        fingerprint(given),
        fingerprint({"one": [TEA]}),
        fingerprint({"one": [TEA, MILK]}),
        fingerprint({"one": [replace(TEA, text="")], "two": [MILK]}),
        fingerprint({"one": [replace(TEA, name="003")], "two": [MILK]}),
        fingerprint(given, {"one": {"tea": "SELECT"}}),
    }) == 6  # fmt: skip


def test_our_migrations_are_found() -> None:
    assert set(all_migrations()) >= {"inventory", "product"}
    assert FOLDER.is_dir()
