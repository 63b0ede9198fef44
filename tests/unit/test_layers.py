"""What each function imports: a cold start pays for what it needs and for nothing else."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from handlers.http.routes import ROUTES
from tests.template import environment, handlers

SRC = Path(__file__).parents[2] / "src"
MODULES = {
    "aws_lambda_powertools.logging": 60,
    "aws_lambda_powertools.utilities.batch": 45,
    "aws_lambda_powertools.utilities.data_classes": 40,
    "aws_lambda_powertools.utilities.idempotency": 20,
    "boto3": 45,
    "botocore.session": 125,
    "email_validator": 10,
    "jwt": 20,
    "psycopg": 80,
    "pydantic": 60,
}
"""How many modules come with what is heavy; some ten more than today, so that a release of theirs may grow."""
OWN = 60
"""How many modules of ours a function may load."""
NEVER = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.parser",
    "aws_xray_sdk",
    "dns",
    "local",
    "openapi_schema_validator",
    "yaml",
)
"""What no function may load: a tracer, a parser of events, a resolver, DNS, what describes the API."""
OF_TOOLS = {"OpenSSL", "awscrt", "certifi", "coverage", "cryptography", "simplejson", "zstandard"}
"""What libraries load when it is there, which in a package it is not, but for cryptography under jwt."""

HEAVY = ("botocore.session", "psycopg", "pydantic", "email_validator", "jwt")
NEEDS = {
    "authorizer": {"jwt"},
    "admit_sign_up": {"botocore.session"},
    "register_user": {"botocore.session", "pydantic", "email_validator"},
    "confirm_user": {"botocore.session", "pydantic"},
    "login_user": {"botocore.session", "pydantic"},
    "answer_challenge": {"botocore.session", "pydantic"},
    "create_user": {"botocore.session", "pydantic", "email_validator"},
    "list_users": {"botocore.session"},
    "delete_me": {"botocore.session"},
    "get_me": {"botocore.session"},
    "resend_code": {"botocore.session", "pydantic"},
    "refresh_tokens": {"botocore.session", "pydantic"},
    "forgot_password": {"botocore.session", "pydantic"},
    "reset_password": {"botocore.session", "pydantic"},
    "change_password": {"botocore.session", "pydantic"},
    "logout_user": {"botocore.session"},
    "create_item": {"botocore.session", "pydantic"},
    "list_items": {"botocore.session"},
    "get_item": {"botocore.session"},
    "update_item": {"botocore.session", "pydantic"},
    "delete_item": {"botocore.session"},
    "list_products": {"botocore.session", "psycopg"},
    "get_product": {"botocore.session", "psycopg"},
    "create_product": {"botocore.session", "psycopg", "pydantic"},
    "update_product": {"botocore.session", "psycopg", "pydantic"},
    "delete_product": {"botocore.session", "psycopg"},
    "create_order": {"botocore.session", "psycopg", "pydantic"},
    "list_orders": {"botocore.session", "psycopg"},
    "get_order": {"botocore.session", "psycopg"},
    "cancel_order": {"botocore.session", "psycopg"},
    "process_orders": {"botocore.session", "psycopg"},
    "update_stocks": {"botocore.session", "psycopg"},
    "relay_outbox": {"botocore.session", "psycopg"},
    "sweep_orders": {"botocore.session", "psycopg"},
    "receive_stock": {"botocore.session", "psycopg", "pydantic"},
    "adjust_stock": {"botocore.session", "psycopg", "pydantic"},
    "list_movements": {"botocore.session", "psycopg"},
    "list_inventory": {"botocore.session"},
    "get_inventory": {"botocore.session"},
    "project_inventory": {"botocore.session"},
    "reconcile": {"botocore.session", "psycopg"},
    "list_dead_letters": {"botocore.session"},
    "get_dead_letter": {"botocore.session"},
    "redrive_dead_letters": {"botocore.session", "pydantic"},
    "purge_dead_letters": {"botocore.session", "psycopg", "pydantic"},
    "health": set(),
    "get_openapi": set(),
    "get_docs": set(),
    "not_found": set(),
    "migrate_database": {"botocore.session", "psycopg"},
    "rotate_secret": {"botocore.session", "psycopg"},
}
"""The heavy packages that each function may import."""


def test_every_function_says_what_it_needs() -> None:
    assert set(NEEDS) == set(handlers())
    assert {module for _, _, module in ROUTES} <= set(NEEDS)


WITHOUT_EDGE = {"ORIGIN_SECRET_ID": "", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
PROGRAM = """
import json, socket, sys
socket.socket.connect = None
import handlers.MODULE
print(json.dumps(sorted(sys.modules)))
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
        env={**environment(module), **WITHOUT_EDGE, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = set(json.loads(done.stdout))
    assert found & set(HEAVY) == NEEDS[module]
    assert not [name for name in found if name.startswith(tuple(f"{one}." for one in NEVER)) or name in NEVER]
    own = [name for name in found if name.partition(".")[0] in ("handlers", "adapters", "domain")]
    assert len(own) <= OWN
    others = {name for name in found - set(own) if _of_packages(name.partition(".")[0])}
    assert len(others) <= sum(number for name, number in MODULES.items() if name in found), sorted(others)


def _of_packages(name: str) -> bool:
    return not name.startswith("_") and name not in sys.stdlib_module_names | OF_TOOLS


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
