"""`tradepost up`: start a stack, fill it, show how to use it, and end it with the first Ctrl-C."""

from __future__ import annotations

import asyncio
import functools
import json
import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import replace

import aiohttp
from botocore.exceptions import ClientError
from rich.console import Console
from rich.status import Status
from rich.table import Table

from local.demo import CODE, Demo
from local.following import Ready, follow
from local.sources import QueuePoller, StreamPoller
from local.stack import Options, running
from local.state import LocalError, SignIn, StackInfo, State

KILLS = {signal.SIGUSR1: StreamPoller, signal.SIGUSR2: QueuePoller}
"""Pollers are no processes that could be killed: these signals to this one do it, for tests of what survives."""
SKU = "85123A"
"""A product of every stack, for the lines to paste."""


class Progress:
    """Says on the console what is under way: a spinner for people, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = console.status("starting") if console.is_terminal else None
        self._began = time.monotonic()
        if self._status:
            self._status.start()

    def step(self, text: str) -> None:
        """Say that a new part begins."""
        self._console.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/]  {text}", highlight=False)
        self.detail(text)

    def detail(self, text: str) -> None:
        """Say more about the part under way, to people only."""
        if self._status:
            self._status.update(text)

    def remark(self, text: str) -> None:
        """Tell of something that went wrong beside the functions, whenever it happens."""
        self._console.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  ", end="", highlight=False)
        self._console.print(text, highlight=False, markup=False)

    def end(self) -> None:
        """Say that nothing is under way any more."""
        if self._status:
            self._status.stop()


def up(state: State, options: Options, console: Console) -> None:
    """Run a stack until SIGINT or SIGTERM. Raises LocalError when it cannot start or breaks."""
    with state.owned():
        try:
            asyncio.run(_until_stopped(state, options, console))
        except ClientError as error:
            raise LocalError(f"the emulated AWS refused a step of the start: {error}") from error


async def _until_stopped(state: State, options: Options, console: Console) -> None:
    work = asyncio.create_task(_run(state, options, console))
    stop = functools.cache(work.cancel)  # a second Ctrl-C must not break into the clean-up
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()


async def _run(state: State, options: Options, console: Console) -> None:
    progress = Progress(console)
    try:
        if options.deployed:
            await follow(state, options, progress.step, progress.remark, _ready(options.deployed, progress, console))
            return
        async with running(state, options, progress.step, progress.remark) as (stack, info):
            filled = await _fill(info, progress)
            stack.rest()
            state.write(filled.info)
            progress.step("ready")
            progress.end()
            _show(filled, console)
            for number, kind in KILLS.items():
                asyncio.get_running_loop().add_signal_handler(number, stack.kill_pollers, kind)
            await stack.broken()
    finally:
        progress.end()


def _ready(stack: str, progress: Progress, console: Console) -> Ready:
    def show(info: StackInfo, parameters: Mapping[str, str]) -> None:
        progress.step("ready")
        progress.end()
        console.print(f"\nAPI  {info.url}  (404 until {stack} is deployed)\n\nDeploy it, as to AWS:\n", highlight=False)
        for line in deploy_lines(stack, parameters):
            console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
        console.print("\nCtrl-C stops everything.", highlight=False)

    return show


def deploy_lines(stack: str, parameters: Mapping[str, str]) -> list[str]:
    """Return lines to paste that deploy a stack into the emulated AWS."""
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in parameters.items())
    return [
        'eval "$(tradepost env)"',
        "sam build",
        f"sam deploy --stack-name {stack} --resolve-s3 --capabilities CAPABILITY_IAM --no-confirm-changeset \\",
        f"  --parameter-overrides {given}",
    ]


class Filled:
    """A stack with its demo people, their tokens, and so many products."""

    def __init__(self, info: StackInfo, tokens: Mapping[str, str], products: int) -> None:
        self.info = info
        self.tokens = tokens
        self.products = products


async def _fill(info: StackInfo, progress: Progress) -> Filled:
    async with aiohttp.ClientSession() as http:
        demo = Demo(info, http)
        progress.step("registering a customer and an admin")
        people = await demo.people()
        tokens = {name: await demo.token(sign_in) for name, sign_in in people.items()}
        progress.step("loading products")
        products = await demo.products(
            tokens["admin"], lambda done, of: progress.detail(f"loading products: {done} of {of}")
        )
        await demo.rest()
    return Filled(replace(info, users=people), tokens, products)


def _show(filled: Filled, console: Console) -> None:
    info = filled.info
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("API", info.url)
    table.add_row("AWS (emulated)", info.aws_url)
    table.add_row("Lambda", info.lambda_url)
    table.add_row("PostgreSQL", f"{info.database['host']}:{info.database['port']}")
    for name, sign_in in info.users.items():
        table.add_row(name, _sign_in(sign_in))
    table.add_row("products", str(filled.products))
    table.add_row("logs", ".venv/bin/tradepost logs --follow")
    console.print()
    console.print(table, highlight=False)
    console.print("\nTry it (tokens live for an hour; `tradepost token customer` prints a new one):\n")
    for line in curl_lines(info.url, filled.tokens["customer"]):
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
    console.print("\nCtrl-C stops everything.", highlight=False)


def _sign_in(sign_in: SignIn) -> str:
    return f"{sign_in.username} / {sign_in.password}"


def curl_lines(url: str, token: str) -> list[str]:
    """Return lines to paste: look around, register and sign in, order, follow the order, see the stock."""
    post = "curl -sw '\\n' -H 'content-type: application/json'"
    person = '"username":"grace","password":"Correct-horse-7"'
    signed_in = '-H "Authorization: Bearer $TOKEN"'
    order = json.dumps({"lines": [{"sku": SKU, "quantity": 2}]})
    parse = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])'"
    return [
        f"URL={url}",
        f"TOKEN={token}",
        'curl -sw "\\n" "$URL/products?limit=3"',
        f"""{post} $URL/user/register -d '{{{person},"email":"grace@example.com","name":"Grace Hopper"}}'""",
        f"""{post} $URL/user/confirm -d '{{"username":"grace","code":"{CODE}"}}'""",
        f"TOKEN=$({post} $URL/user/login -d '{{{person}}}' | {parse})",
        f"""{post} $URL/orders {signed_in} -H 'Idempotency-Key: first' -d '{order}'""",
        "sleep 2",
        f"curl -sw '\\n' $URL/orders {signed_in}",
        f"curl -sw '\\n' $URL/inventory/{SKU} {signed_in}",
    ]
