"""The command `tradepost`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from local import asking
from local.commands import HELP_OPTIONS, StateOption, plain_errors, stack_in
from local.dead_letters import dead_letters
from local.state import DEFAULT, ROOT, LocalError, State

FOLLOWED = 20
"""So many lines come before the new ones of a log that is followed."""

app = typer.Typer(
    name="tradepost",
    help="Tradepost on this machine: start it, look into it, feed it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)

app.add_typer(dead_letters, name="dead-letters")


@app.command()
@plain_errors
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The API's port; 0 takes any free one.")] = 3000,
    state: StateOption = DEFAULT,
    template: Annotated[Path, typer.Option(help="The SAM template.", show_default="template.yaml in the clone")] = (
        ROOT / "template.yaml"
    ),
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value for one of the template's parameters.")
    ] = None,
    docker: Annotated[
        bool, typer.Option("--docker", help="Listen on Docker's bridge too, for functions that `sam local` runs.")
    ] = False,
    services: Annotated[
        bool,
        typer.Option(
            "--services", help="Answer by three services behind nginx, not by functions; with --docker in containers."
        ),
    ] = False,
    deployed: Annotated[
        str | None,
        typer.Option(metavar="STACK", help="Run what `sam deploy` makes of this stack in the emulated AWS instead."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Note in this file which AWS calls functions make, and what their roles allow.")
    ] = None,
) -> None:
    """Start everything, load products, and run until Ctrl-C."""
    from rich.console import Console  # noqa: PLC0415 - as all imports below: each command pays for its own

    from local.stack import Options  # noqa: PLC0415
    from local.up import up as start  # noqa: PLC0415

    if record and deployed:
        raise LocalError("a stack that `sam deploy` makes is not recorded: leave out --record, or --deployed")
    if services and deployed:
        raise LocalError("services run from the template: leave out --deployed")
    options = Options(port, template, _parameters(parameter or []), docker, services, deployed, record)
    start(State(state), options, Console(soft_wrap=True))


def _parameters(given: list[str]) -> dict[str, str]:
    wrong = [one for one in given if "=" not in one]
    if wrong:
        raise LocalError(f"--parameter takes NAME=VALUE, not {wrong[0]}")
    return {name: value for name, _, value in (one.partition("=") for one in given)}


@app.command()
@plain_errors
def url(state: StateOption = DEFAULT) -> None:
    """Print the API's base URL alone."""
    typer.echo(stack_in(state).url)


@app.command()
@plain_errors
def token(
    user: Annotated[str, typer.Argument(help="customer or admin")] = "customer", state: StateOption = DEFAULT
) -> None:
    """Print a fresh bearer token alone."""
    info = stack_in(state)
    if user not in info.users:
        raise LocalError(f"there is no demo user {user}: choose {' or '.join(info.users)}")
    typer.echo(asking.token(info, info.users[user]))


@app.command()
@plain_errors
def env(state: StateOption = DEFAULT) -> None:
    """Print what `aws` and boto3 need to reach the emulated AWS: eval "$(tradepost env)"."""
    info = stack_in(state)
    for name, value in {
        "AWS_ENDPOINT_URL": info.aws_url,
        "AWS_DEFAULT_REGION": info.region,
        "AWS_ACCESS_KEY_ID": info.access_key,
        "AWS_SECRET_ACCESS_KEY": info.secret_key,
    }.items():
        typer.echo(f"export {name}={value}")


@app.command()
@plain_errors
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False, state: StateOption = DEFAULT
) -> None:
    """Show queues, dead letters, outbox and functions."""
    info = stack_in(state)
    found = asking.status(info)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    from local.render import show_status  # noqa: PLC0415

    show_status(info, found)


@app.command()
@plain_errors
def invoke(
    function: Annotated[str, typer.Argument(help="Its name in template.yaml, such as HealthFunction.")],
    event: Annotated[
        Path | None,
        typer.Option(
            "--event", "-e", help="A file with the event; - for stdin.", show_default="the first of its events/"
        ),
    ] = None,
    state: StateOption = DEFAULT,
) -> None:
    """Invoke a function and print its answer; exits 1 when the function failed."""
    answer = asking.invoke(stack_in(state), function, _event(event or _sample(function)))
    typer.echo(answer.payload.decode())
    if answer.error:
        raise typer.Exit(1)


def _sample(function: str) -> Path | None:
    folder = re.sub("(?<!^)(?=[A-Z])", "-", function.removesuffix("Function")).lower()
    return min((ROOT / "events" / folder).glob("*.json"), key=lambda file: file.stem, default=None)


def _event(file: Path | None) -> bytes:
    if file is None:
        return b"{}"
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        json.loads(text)
    except OSError as error:
        raise LocalError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise LocalError(f"{file} is not JSON: {error}") from error
    return text


@app.command()
@plain_errors
def logs(
    function: Annotated[str | None, typer.Argument(help="One function or service only.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    last: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=0, help="The last so many only.", show_default="all, or 20 to follow"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Metrics and start and end marks too.")] = False,
    state: StateOption = DEFAULT,
) -> None:
    """Print what all functions logged, in one stream."""
    from local.logs import PLATFORM, entries, readable  # noqa: PLC0415

    folder = State(state)
    path = folder.log / "functions.log"
    if not path.exists():
        folder.read()
    if not _runs(folder):
        typer.echo("tradepost: no stack runs; this is the log of the last one", err=True)
    elif function not in (None, PLATFORM) and not any(entries(path, function, follow=False, running=bool)):
        asking.check_known(folder.read(), function)
    first = FOLLOWED if follow and last is None else last
    for entry in entries(path, function, last=first, follow=follow, running=lambda: _runs(folder)):
        if line := readable(entry, everything=everything):
            typer.echo(line)


def _runs(folder: State) -> bool:
    try:
        folder.read()
    except LocalError:
        return False
    return True


@app.command()
@plain_errors
def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Make DynamoDB follow PostgreSQL.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Most seconds to wait for the queues to run empty.")] = 60,
    state: StateOption = DEFAULT,
) -> None:
    """Compare PostgreSQL with DynamoDB, once the queues are empty; exits 1 when they differ in the end."""
    info = stack_in(state)
    if not asking.rests(info, wait):
        typer.echo("tradepost: the queues are not empty yet; comparing all the same", err=True)
    answer = asking.invoke(info, "ReconcileFunction", json.dumps({"grace_seconds": 0, "repair": repair}).encode())
    found = answer.json()
    if answer.error:
        raise LocalError(f"the comparison failed: {found.get('errorMessage')}")
    typer.echo(json.dumps(found, indent=1))
    if found["differing"]:
        raise typer.Exit(1)


@app.command()
@plain_errors
def rotate(
    service: Annotated[
        str | None, typer.Argument(help="product, inventory or user.", show_default="all of them")
    ] = None,
    state: StateOption = DEFAULT,
) -> None:
    """Give a service's database role a new password, as Secrets Manager does it."""
    from local import rotating  # noqa: PLC0415

    info = stack_in(state)
    for one in [service] if service else rotating.SERVICES:
        rotating.rotate(info, one)
        typer.echo(f"{one}: rotated")


@app.command()
@plain_errors
def replay(
    file: Annotated[Path, typer.Argument(help="UCI Online Retail CSV, plain or .gz.")],
    stock: Annotated[float, typer.Option(min=0, help="Opening stock as a share of what the file sells.")] = 1.0,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Most seconds in which nothing may move, before the orders and after them.",
            show_default="60; 240 with messages in queues, 960 with delayed ones",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
    state: StateOption = DEFAULT,
) -> None:
    """Place a file of real invoices as orders and check where everything went; exits 1 on any difference."""
    import asyncio  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from local.replay import replay as run  # noqa: PLC0415
    from local.replay.rendering import render  # noqa: PLC0415

    report = asyncio.run(run(stack_in(state), file, stock=stock, wait=wait))
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=1))
    else:
        render(report, Console())
    if not report.ok:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    app()
