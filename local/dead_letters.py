"""The commands `tradepost dead-letters`."""

from __future__ import annotations

import json
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
    _follow(Letters(stack_in(state)).redrive(queue, ids or [], rate), "redriven", as_json=as_json)


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
        raise LocalError("say which letters: --id ID, or --all")
    letters = Letters(stack_in(state))
    if not yes:
        which = "all" if everything else f"{len(ids or [])}"
        typer.confirm(f"Give up {which} of {queue}, and reject the orders that wait for them?", abort=True)
    _follow(letters.purge(queue, ids or []), "purged", as_json=as_json)


def _follow(progress: Iterator[Moved], done: str, *, as_json: bool) -> None:
    moved = Moved(0)
    try:
        for moved in progress:
            if not as_json:
                typer.echo(f"{moved.done} of {moved.total} {done}")
    finally:  # also after Ctrl-C: what is done is done
        if as_json:
            typer.echo(json.dumps(_summary(moved, done)))
    if not as_json and moved.rejected:
        typer.echo(f"{moved.rejected} orders rejected")
    if stay := [*sorted(moved.refused), *sorted(moved.missing)]:
        why = "not there, or without the data of their records"
        raise LocalError(f"{len(stay)} letters did not move, {why}: {', '.join(stay)}")


def _summary(moved: Moved, done: str) -> dict[str, Any]:
    found = {done: moved.done, "rejected": moved.rejected}
    return {**found, "refused": sorted(moved.refused), "missing": sorted(moved.missing)}


def _table(found: list[dict[str, Any]]) -> Iterator[str]:
    row = "{:<10}  {:<36}  {:<24}  {:>5}  {}"
    yield row.format("queue", "id", "sent", "times", "why")
    for one in found:
        times = one["failure"]["times"] if one["failure"] else "-"
        yield row.format(one["queue"], one["id"], one["sent_at"], times, " ".join(one["why"].split()))
