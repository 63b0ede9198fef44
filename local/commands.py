"""What all commands share: the folder of the stack, and errors in one line."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from local.state import LocalError, StackInfo, State

T = TypeVar("T")

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

StateOption = Annotated[
    Path,
    typer.Option("--state", metavar="DIR", help="The folder of the stack.", show_default=".tradepost in the clone"),
]


def plain_errors(command: Callable[..., T]) -> Callable[..., T]:
    """Show what a person can mend as one line."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> T:
        try:
            return command(*args, **kwargs)
        except LocalError as error:
            typer.echo(f"tradepost: {error}", err=True)
        except KeyboardInterrupt:
            typer.echo("tradepost: interrupted", err=True)
            raise typer.Exit(130) from None
        raise typer.Exit(1)

    return run


def stack_in(state: Path) -> StackInfo:
    """Return how to reach the stack. Raises LocalError when none runs."""
    return State(state).read()
