"""What each function imports: a cold start pays for what it needs and for nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from handlers.http.routes import ROUTES
from tests.template import environment, handlers

SRC = Path(__file__).parents[2] / "src"
HEAVY = ("boto3", "psycopg", "pydantic", "email_validator", "jwt")
NEEDS = {
    "authorizer": {"jwt"},
    "admit_sign_up": {"boto3"},
    "register_user": {"boto3", "pydantic", "email_validator"},
    "confirm_user": {"boto3", "pydantic"},
    "login_user": {"boto3", "pydantic"},
    "answer_challenge": {"boto3", "pydantic"},
    "create_user": {"boto3", "pydantic", "email_validator"},
    "list_users": {"boto3"},
    "delete_me": {"boto3"},
    "get_me": {"boto3"},
    "resend_code": {"boto3", "pydantic"},
    "refresh_tokens": {"boto3", "pydantic"},
    "forgot_password": {"boto3", "pydantic"},
    "reset_password": {"boto3", "pydantic"},
    "change_password": {"boto3", "pydantic"},
    "logout_user": {"boto3"},
    "create_item": {"boto3", "pydantic"},
    "list_items": {"boto3"},
    "get_item": {"boto3"},
    "update_item": {"boto3", "pydantic"},
    "delete_item": {"boto3"},
    "list_products": {"boto3", "psycopg"},
    "get_product": {"boto3", "psycopg"},
    "create_product": {"boto3", "psycopg", "pydantic"},
    "update_product": {"boto3", "psycopg", "pydantic"},
    "delete_product": {"boto3", "psycopg"},
    "create_order": {"boto3", "psycopg", "pydantic"},
    "list_orders": {"boto3", "psycopg"},
    "get_order": {"boto3", "psycopg"},
    "cancel_order": {"boto3", "psycopg"},
    "process_orders": {"boto3", "psycopg"},
    "update_stocks": {"boto3", "psycopg"},
    "relay_outbox": {"boto3", "psycopg"},
    "sweep_orders": {"boto3", "psycopg"},
    "receive_stock": {"boto3", "psycopg", "pydantic"},
    "adjust_stock": {"boto3", "psycopg", "pydantic"},
    "list_movements": {"boto3", "psycopg"},
    "list_inventory": {"boto3"},
    "get_inventory": {"boto3"},
    "project_inventory": {"boto3"},
    "reconcile": {"boto3", "psycopg"},
    "list_dead_letters": {"boto3"},
    "get_dead_letter": {"boto3"},
    "redrive_dead_letters": {"boto3", "pydantic"},
    "purge_dead_letters": {"boto3", "psycopg", "pydantic"},
    "health": set(),
    "get_openapi": set(),
    "get_docs": set(),
    "not_found": set(),
    "migrate_database": {"boto3", "psycopg"},
    "rotate_secret": {"boto3", "psycopg"},
}
"""The heavy packages that each function may import."""


def test_every_function_says_what_it_needs() -> None:
    assert set(NEEDS) == set(handlers())
    assert {module for _, _, module in ROUTES} <= set(NEEDS)


PROGRAM = f"""
import socket, sys
socket.socket.connect = None
import handlers.MODULE
print([name for name in {HEAVY} if name in sys.modules])
for part in list(vars(handlers.MODULE).values()):
    if getattr(part, "__module__", "").startswith("handlers.wiring."):
        part(*["inventory"] * (part.__name__ in ("database", "secret_of")))
"""
"""Imports one function, says what came with it, and plugs its adapters together as its first call would."""


@pytest.mark.parametrize("module", sorted(NEEDS))
def test_a_function_imports_what_it_needs_and_starts_with_its_own_variables(module: str) -> None:
    """It is alone, with the environment that template.yaml and Lambda give it and nothing more.

    It connects to nobody before its first call, so that a snapshot of it can be restored anywhere and at any time.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.replace("MODULE", module)],
        env={**environment(module), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert set(ast.literal_eval(done.stdout)) == NEEDS[module]


def test_the_domain_imports_the_standard_library_and_itself() -> None:
    """Whatever is installed: the linter's contract can only forbid packages by name."""
    files = sorted((SRC / "domain").rglob("*.py"))
    imported = {
        name.partition(".")[0]
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for name in _imported(node)
    }

    assert len(files) > 10
    assert imported - sys.stdlib_module_names == {"domain"}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
