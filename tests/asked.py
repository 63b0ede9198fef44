"""What is asked of a run by variables, as `make chaos KILLS=30` does: TRADEPOST_KILLS=30."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from local.retail import read_sales
from local.services import found_nginx
from local.state import LocalError

NUMBERS = {
    "SEED": range(10**18),
    "SECONDS": range(1, 3001),
    "CLIENTS": range(1, 201),
    "KILLS": range(1, 201),
    "MINUTES": range(1, 51),
    "EXAMPLES": range(1, 1_000_001),
}
"""What each may be: an hour ends the longest test."""
_BY_NGINX = ("test_replacing.py", "test_services.py")
_BY_SAM = ("test_sam_deploy.py", "test_sam_guided.py")
_OF_FUNCTIONS = (
    "test_privileges.py",  # roles of functions; services have others (stacks/containers.yaml)
    "dynamodb",  # services keep people in PostgreSQL
    "::test_changed_code_answers_the_next_request",  # services read their code when they start
    "::test_a_worker_that_dies_before_its_answer_is_kept_has_made_the_one_order",  # it dies of changed code
)
"""What stands in the ids of end-to-end tests that services cannot pass."""


def asked(name: str) -> str | None:
    """Return a variable's value, None when it is not set."""
    return os.environ.get(f"TRADEPOST_{name}")


def number(name: str, usual: int) -> int:
    """Return the number that is asked for."""
    text = asked(name)
    return usual if text is None else _number(name, text)


def file() -> Path | None:
    """Return the file of invoices that is asked for."""
    text = asked("FILE")
    return None if text is None else Path(text)


def services() -> bool:
    """Say whether the API is to be answered by services behind nginx, as in containers, not by functions."""
    return asked("FRONT") == "services"


def of_functions(test: str) -> bool:
    """Say whether an end-to-end test is not for what is to answer, since it is of functions, and that is services."""
    return services() and any(one in test for one in _OF_FUNCTIONS)


def left_out() -> Sequence[str]:
    """Return the end-to-end tests of `make sam-deploy-local`, which take minutes, and those that want nginx."""
    return [*(() if asked("SAM") else _BY_SAM), *(() if found_nginx() else _BY_NGINX)]


def check() -> None:
    """See that all that is asked for can be done. Raises LocalError."""
    for name in NUMBERS:
        number(name, 0)
    if asked("FRONT") not in {None, "services"}:
        raise LocalError(f"FRONT is services or not set, not {asked('FRONT')}")
    if services() and not found_nginx():
        raise LocalError("services stand behind nginx, which is not installed here: on Debian, apt install nginx-light")
    if (invoices := file()) and not read_sales(invoices).orders:
        raise LocalError(f"{invoices} has no invoice that could be placed as an order")


def _number(name: str, text: str) -> int:
    allowed = NUMBERS[name]
    if not text.isdecimal() or len(text) > len(str(allowed[-1])) or int(text) not in allowed:
        raise LocalError(f"{name} is a whole number from {allowed[0]} to {allowed[-1]:,}, not {text}")
    return int(text)
