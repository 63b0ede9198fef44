"""The commands `tradepost dead-letters`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from local.commands import HELP_OPTIONS, StateOption, plain_errors, stack_in
from local.letters import MOST, Died, Letters, Moved
from local.state import DEFAULT, LocalError

dead_letters = typer.Typer(
    help="Messages that no function could work off: look, send them back, or give them up.",
    no_args_is_help=True,
    context_settings=HELP_OPTIONS,
)

QueueArgument = Annotated[Died, typer.Argument(help="Where they died: on a queue, or on the stream (projection).")]
IdOption = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="This letter; may be repeated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


@dead_letters.command("list")
@plain_errors
def list_(
    queue: Annotated[Died | None, typer.Argument(help="One queue only.", show_default="all three")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="Most letters of a queue.")] = 20,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT,
) -> None:
    """Show dead letters and why they died. They stay where they are."""
    letters = Letters(stack_in(state))
    found = [one for each in ([queue] if queue else Died) for one in letters.listed(each, limit)]
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    elif not found:
        typer.echo(f"there are no dead letters{f' of {queue}' if queue else ''}")
    else:
        for line in _table(found):
            typer.echo(line)


@dead_letters.command()
@plain_errors
def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: JsonOption = False,
    state: StateOption = DEFAULT,
) -> None:
    """Show one letter with all that is known of it."""
    found = Letters(stack_in(state)).found(letter)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for name, value in (found | (found["failure"] or {})).items():
        if name not in ("failure", "error", "message"):
            typer.echo(f"{name:<11} {'-' if value is None else value}")


@dead_letters.command()
@plain_errors
def redrive(
    queue: QueueArgument,
    ids: IdOption = None,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="Most messages a second.")] = 10,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT,
) -> None:
    """Send letters back to where they came from: those named, or all that are there now; exits 1 if any stays."""
    _follow(Letters(stack_in(state)).redrive(queue, ids or [], rate), queue, "redriven", as_json=as_json)


@dead_letters.command()
@plain_errors
def purge(
    queue: QueueArgument,
    ids: IdOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are there now.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT,
) -> None:
    """Give letters up, and reject the orders that still wait for them; exits 1 if any stays."""
    if bool(ids) == everything:
        why = "not both" if everything else "say which letters: --id ID, or --all"
        raise typer.BadParameter(why, param_hint="--id / --all")
    letters = Letters(stack_in(state))
    number = len(ids or ()) or letters.count(queue)
    if number and not yes:
        orders = "" if queue is Died.PROJECTION else ", and orders that still wait for them are rejected"
        _agree(f"dead letters of {queue} that are deleted for good: {number}{orders}.")
    _follow(letters.purge(queue, ids or []), queue, "purged", as_json=as_json)


def _agree(what: str) -> None:
    """Ask a person. Raises LocalError unless the answer is yes."""
    typer.echo(f"{what} Go on? [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline() if sys.stdin else ""
    if not answer:
        typer.echo(err=True)
        raise LocalError("nobody is there to ask: --yes goes on without a question")
    if answer.strip().lower() not in ("y", "yes"):
        raise LocalError("nothing is purged")


def _follow(progress: Iterator[Moved], queue: Died, done: str, *, as_json: bool) -> None:
    moved = Moved(0)
    try:
        for moved in progress:
            if not as_json:
                typer.echo(f"{moved.done} of {moved.total} {done}")
    finally:  # also after Ctrl-C: what is done is done
        if as_json:
            typer.echo(json.dumps(_summary(moved, done)))
    if not as_json and not moved.total:
        typer.echo(f"there are no dead letters of {queue}")
    elif not as_json and done == "purged":
        typer.echo(f"{moved.rejected} orders rejected")
    stay = {
        "not there, or held by somebody": moved.missing,
        "without the data of their records": moved.refused,
        "to be tried again": moved.kept,
    }
    if any(stay.values()):
        ids = [f"{', '.join(sorted(which))} ({why})" for why, which in stay.items() if which]
        raise LocalError(f"{sum(map(len, stay.values()))} letters did not move: {'; '.join(ids)}")
    if left := max(0, moved.total - moved.done):
        raise LocalError(f"{left} letters did not move: somebody else holds or has moved them")


def _summary(moved: Moved, done: str) -> dict[str, Any]:
    found = {done: moved.done, "rejected": moved.rejected}
    return {
        **found,
        "refused": sorted(moved.refused),
        "missing": sorted(moved.missing),
        "kept": sorted(moved.kept),
    }


def _table(found: list[dict[str, Any]]) -> Iterator[str]:
    row = "{:<10}  {:<36}  {:<24}  {:>5}  {}"
    yield row.format("queue", "id", "sent", "times", "why")
    for one in found:
        times = one["failure"]["times"] if one["failure"] else "-"
        yield row.format(one["queue"], one["id"], one["sent_at"], times, " ".join(one["why"].split()))
