"""What a function's module can reach, read from the code: third-party modules, and services of AWS by their clients.

Imports within functions count too; those for type checkers do not.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
TEMPLATES = (ROOT / "template.yaml", ROOT / "stacks/items.yaml")
VERIFIER = {"adapters.tokens.keys", "handlers.wiring.tokens"}
MAKES_CLIENTS = SRC / "adapters/aws.py"
MAKING = re.compile(r"\b(client|create_client|resource)\(")
UNTOLD = {"aws_lambda_powertools.utilities.idempotency": "boto3"}
"""What modules of libraries import that their distributions do not require."""
OF_LAMBDA = {"snapshot_restore_py"}
"""What Lambda's runtime brings."""
EVENTS = "aws_lambda_powertools.utilities"
"""Reads events, and keeps answers; the one part of a library that is told apart, as it is a megabyte."""


def module_of(function: str) -> str:
    """Return the handler's module of a function, by its logical id. Raises SystemExit where there is none."""
    module = "handlers." + re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()
    if not _file(module):
        sys.exit(f"{function} is no function of ours: there is no src/{module.replace('.', '/')}.py")
    return module


def reached(module: str) -> tuple[set[Path], set[str]]:
    """Return the files of ours that a module can import, and of others' modules the names.

    They are those of the first level, and EVENTS.
    """
    own, others, ahead = set[Path](), set[str](), [module]
    while ahead:
        name = ahead.pop()
        if not (file := _file(name)):
            others |= {name.split(".")[0], *(untold for module, untold in UNTOLD.items() if name.startswith(module))}
            others |= {EVENTS} if name.startswith(EVENTS) else set()
        elif file not in own:
            own.add(file)
            ahead += [*_imported(name, file), *([name.rpartition(".")[0]] if "." in name else [])]
    return own, {name for name in others - sys.stdlib_module_names - OF_LAMBDA if not (SRC / name).is_dir()}


def services(files: Iterable[Path]) -> list[str]:
    """Return the services whose clients files of ours make. Raises SystemExit for one that is not written out."""
    making = (one for one in files if one != MAKES_CLIENTS and MAKING.search(one.read_text("utf-8")))
    return sorted({service for file in making for service in _asked(file)})


def _asked(file: Path) -> Iterator[str]:
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Call) and _name(node.func) in ("client", "create_client", "resource"):
            if not (node.args and isinstance(node.args[0], ast.Constant)):
                sys.exit(f'{file}:{node.lineno}: write the service out, as in client("sqs"): packages hold only those')
            yield str(node.args[0].value)


def _name(function: ast.expr) -> str | None:
    return getattr(function, "id", None) or getattr(function, "attr", None)


def _imported(module: str, file: Path) -> list[str]:
    found = list(_names(_parsed(file), module if file.name == "__init__.py" else module.rpartition(".")[0]))
    # Only where no authorizer stands in front do handlers verify tokens: see Request.caller.
    return found if module != "handlers.http.request" or _handlers_verify() else [*{*found} - VERIFIER]


def _names(node: ast.AST, package: str) -> Iterator[str]:
    """Yield what is imported in a node, and whatever could be a module in it."""
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        yield module
        yield from (name for one in node.names if _file(name := f"{module}.{one.name}"))
    elif isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
        for each in node.orelse:
            yield from _names(each, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _names(child, package)


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def _file(module: str) -> Path | None:
    """Return the file of a module of ours."""
    path = SRC / module.replace(".", "/")
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


@cache
def _handlers_verify() -> bool:
    said = r"TOKENS_VERIFIED_BY:\s*[\"']?handler\b"
    return any(re.search(said, file.read_text("utf-8")) for file in TEMPLATES)
