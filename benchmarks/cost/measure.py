"""Measures what each operation of a running stack uses, and writes it into measured.json.

People register, sign in, write and read items, read products and order what the excerpt of real invoices orders: first
one order after the other, each waited for, then as fast as eight clients can. Then the scheduled rounds run, and the
peers of the other benchmarks show what one message and one statement for each line take.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import boto3

import local.stack
from benchmarks.cost import meter
from benchmarks.cost.page import MEASURED
from benchmarks.peers import OrderProcessor, Projector, read_then_write
from benchmarks.process_orders import Shop
from benchmarks.results import processor
from benchmarks.turns import silence
from benchmarks.wire import VARIABLES, Wire
from local.demo import CODE, EXCERPT, Demo
from local.replay.settling import settle
from local.retail import Sale, read_sales
from local.stack import Options, running
from local.state import ROOT, StackInfo, State
from tests.events import Context, kinesis
from tests.servers import postgres

PEOPLE, READS, AT_ONCE = 40, 5, 8
"""How many people there are, how often each reads, and how many orders are on their way in a rush."""
RUSHES, ALONE = 6, 1
"""How often all of the excerpt's orders are placed in the rush, and one by one."""
ROUNDS = 20
PAUSE = 2.5
"""Seconds after which an order that comes alone has been projected: the stream waits for one."""
PLENTY = 1_000_000
SCHEDULED = ("RelayOutboxFunction", "SweepOrdersFunction", "ReconcileFunction")
UNITS = {"write": 1, "read": 4}
"""KiB of an item that DynamoDB counts as one unit."""
PASSWORD = "Correct-horse-7"  # noqa: S105 - of people who live as long as the stack
Step = Callable[[Any], Awaitable[None]]


class Bench:
    """A running stack, its API, and what was measured so far."""

    def __init__(self, info: StackInfo, http: aiohttp.ClientSession) -> None:
        self.operations: dict[str, Any] = {}
        self.names = {name.rpartition("/")[2]: logical for logical, name in info.resources.items()}
        self.info = info
        self._http = http
        self._answered = 0

    async def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Return the JSON that the API answers. Fails if it refuses."""
        headers = {"Idempotency-Key": os.urandom(8).hex(), **({"Authorization": f"Bearer {token}"} if token else {})}
        async with self._http.request(method, self.info.url + path, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.ok, (method, path, answer.status, text)
            self._answered += len(text) + sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
        return json.loads(text or "null")

    async def measure(
        self, name: str, step: Step, first: Iterable[Any], over: Sequence[Any], *, at_once: int = 1, calls: int = 1
    ) -> None:
        """Do a step for each, which is `calls` calls of the API, and keep what one of them used on average.

        It is done for the first ones before, so that the functions run already.
        """
        slots = asyncio.Semaphore(at_once)

        async def do(one: Any) -> None:
            async with slots:
                await step(one)

        await asyncio.gather(*map(do, first))
        await self._rest()
        before, answered, began, at = await self._read(), self._answered, time.monotonic(), datetime.now(UTC)
        await asyncio.gather(*map(do, over))
        took = time.monotonic() - began
        await self._rest()
        after = await self._read()
        if late := meter.started(before, after):
            print(f"  {name}: started meanwhile, and left out: {', '.join(late)}")
        used = meter.between(self.info, before, after)
        for scheduled in {*SCHEDULED} - {name}:
            used.pop(scheduled, None)
        self.operations[name] = {
            "count": len(over),
            "requests": calls,
            "per_second": _short(len(over) / took),
            "answered_bytes": _short((self._answered - answered) / len(over)),
            "wal_bytes": _short((after.wal - before.wal) / len(over)),
            "postgres_ms": _short((after.postgres_ms - before.postgres_ms) / len(over)),
            "tables": await asyncio.to_thread(self._tables, at),
            "functions": {one: self._each(used[one], len(over)) for one in sorted(used)},
        }
        print(f"  {name}: {len(over)} in {took:.0f} s")

    def _each(self, used: meter.Used, count: int) -> Mapping[str, Any]:
        calls = {
            self._logical(name): {key: _short(value / count) for key, value in vars(one).items() if value}
            for name, one in sorted(used.calls.items())
        }
        numbers = {key: _short(value / count) for key, value in vars(used).items() if isinstance(value, int | float)}
        return {**numbers, "calls": calls, "own_metrics": sorted(used.metrics)}

    def _logical(self, call: str) -> str:
        operation, _, name = call.rpartition(" ")
        return f"{operation} {self.names.get(name, name)}"

    async def _read(self) -> meter.Reading:
        functions = (await self._status())["functions"]
        return await asyncio.to_thread(meter.read, self.info, {name: one["pids"] for name, one in functions.items()})

    async def _status(self) -> Mapping[str, Any]:
        async with self._http.get(f"{self.info.lambda_url}/status") as answer:
            return dict(await answer.json())

    async def _rest(self) -> None:
        settled = await settle(self._status, show=lambda *_: None)
        assert not settled.hanging, settled.why

    def _tables(self, since: datetime) -> Mapping[str, Any]:
        """Return how large the items of each table are; of the minutes' counts those from a time on."""
        client, found = self.info.client("dynamodb"), {}
        for physical, logical in sorted(self.names.items(), key=lambda one: one[1]):
            if logical.endswith("Table"):
                items = client.scan(TableName=physical)["Items"]
                items = [one for one in items if "minute" not in one or one["minute"]["S"] >= f"{since:%Y-%m-%dT%H:%M}"]
                if items:
                    size = sum(map(meter.item_bytes, items)) / len(items)
                    units = {f"{name}_units": _short(meter.mean_units(items, unit)) for name, unit in UNITS.items()}
                    found[logical] = {"items": len(items), "bytes": _short(size), **units}
        return found


def _short(value: float) -> float:
    """Return four digits of a number: more would pretend."""
    return float(f"{value:.4g}")


def wanted(orders: Sequence[Sale]) -> list[dict[str, Any]]:
    """Return the bodies of the orders."""
    return [{"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in one.lines]} for one in orders]


async def measured(state: State) -> Mapping[str, Any]:
    """Run a stack, do everything, and return what it used."""
    sales = read_sales(EXCERPT)
    options = Options(0, ROOT / "template.yaml", {}, record=state.tmp / "calls.jsonl")
    async with running(state, options, print, print) as (_, info), aiohttp.ClientSession() as http:
        meter.statements_are_logged(info)
        bench = Bench(info, http)
        demo = Demo(info, http)
        admin = await demo.token((await demo.people())["admin"])
        print("making products with stock")
        await fill(bench, admin, sales.products.items())
        await everybody(bench, wanted(sales.orders))
        return {"operations": bench.operations, "order": sizes(sales.orders)}


def sizes(orders: Sequence[Sale]) -> Mapping[str, float]:
    """Return the mean numbers of lines and of different skus."""
    skus = [{sku.upper() for sku, _ in one.lines} for one in orders]
    lines = sum(len(one.lines) for one in orders)
    return {"lines": _short(lines / len(orders)), "skus": _short(sum(map(len, skus)) / len(orders))}


async def fill(bench: Bench, admin: str, products: Iterable[tuple[str, tuple[str, int]]]) -> None:
    """Make the products, with plenty of stock."""
    slots = asyncio.Semaphore(AT_ONCE // 2)

    async def add(sku: str, name: str, price: int) -> None:
        product = {"sku": sku, "name": name, "price_minor": price, "currency": "GBP"}
        async with slots:
            await bench.call("POST", "/products", product, admin)
            await bench.call("POST", f"/inventory/{sku}/receipts", {"quantity": PLENTY, "reason": "purchase"}, admin)

    await asyncio.gather(*(add(sku, *offer) for sku, offer in products))


class People:
    """What people do, each step once for a name or for a name and an order."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._tokens: dict[str, str] = {}
        self._items: dict[str, str] = {}

    async def register(self, name: str) -> None:
        """Register, and confirm it by the code."""
        person = {"username": name, "email": f"{name}@example.com", "name": "Ada Lovelace", "password": PASSWORD}
        await self._bench.call("POST", "/user/register", person)
        await self._bench.call("POST", "/user/confirm", {"username": name, "code": CODE})

    async def login(self, name: str) -> None:
        """Sign in."""
        answer = await self._bench.call("POST", "/user/login", {"username": name, "password": PASSWORD})
        self._tokens[name] = answer["access_token"]

    async def write(self, name: str) -> None:
        """Write an item."""
        body = {"name": "Kettle", "description": "Holds a litre and a half, boils it within two minutes."}
        self._items[name] = (await self._bench.call("POST", "/item", body, self._tokens[name]))["id"]

    async def read(self, name: str) -> None:
        """Read one's item."""
        await self._bench.call("GET", f"/item/{self._items[name]}", token=self._tokens[name])

    async def look(self, _: str) -> None:
        """Read a product."""
        await self._bench.call("GET", "/products/85123A")

    async def order(self, one: tuple[str, Any]) -> None:
        """Place an order."""
        name, body = one
        await self._bench.call("POST", "/orders", body, self._tokens[name])

    async def order_alone(self, one: tuple[str, Any]) -> None:
        """Place an order, and wait until it has arrived everywhere."""
        await self.order(one)
        await asyncio.sleep(PAUSE)


async def everybody(bench: Bench, bodies: list[Any]) -> None:
    """Measure each operation."""
    one = People(bench)
    first, people = [f"first{n}" for n in range(AT_ONCE)], [f"person{n}" for n in range(PEOPLE)]
    await bench.measure("register", one.register, first, people, calls=2)
    await bench.measure("login", one.login, first, people)
    await bench.measure("item write", one.write, first, people)
    await bench.measure("item read", one.read, first, people * READS)
    await bench.measure("product read", one.look, first, people * READS)
    buyers = itertools.cycle(people)
    some, rush, alone = (list(zip(buyers, bodies * times, strict=False)) for times in (1, RUSHES, ALONE))
    for name in people:
        await one.login(name)  # new tokens, of which the authorizer is asked once each
    await bench.measure("order in a rush", one.order, some, rush, at_once=AT_ONCE)
    for name in people:
        await one.login(name)
    await bench.measure("order", one.order_alone, some[:2], alone)
    functions = bench.info.client("lambda")

    async def turn(function: str) -> None:
        await asyncio.to_thread(functions.invoke, FunctionName=function, Payload=b"{}")

    for function in SCHEDULED:
        await bench.measure(function, turn, [function], [function] * ROUNDS, calls=0)


def one_by_one() -> Mapping[str, Any]:
    """Return the processor's milliseconds that the peers take for a message, a statement and a record."""
    with postgres() as server, Wire(secrets={VARIABLES["INVENTORY_SECRET_ARN"]: server}).connected() as _, silence():
        ends = {lines: peer_ms(Shop(server, 200, lines, 432, 1)) for lines in (1, 21)}
    statement = (ends[21] - ends[1]) / 40  # each line is read and written
    return {
        "message_ms": _short(ends[1] - 7 * statement),
        "statement_ms": _short(statement),
        "record_ms": _short(record_ms()),
    }


def peer_ms(shop: Shop) -> float:
    """Return what one message takes: an order of the shop, with a statement to read each line and one to write it."""
    peer = OrderProcessor(shop.connection, VARIABLES["SHIPPING_QUEUE_URL"], read_then_write)
    spent = 0.0

    def timed(event: Any, context: Any) -> Any:
        nonlocal spent
        began = time.process_time()
        answer = peer.handler(event, context)
        spent += time.process_time() - began
        return answer

    shop.decide(timed)
    spent = 0.0
    shop.decide(timed)
    return spent / shop.orders * 1000


def record_ms() -> float:
    """Return what one record of the stream takes that is an invocation and a write of its own."""
    with Wire().connected():
        projector = Projector(boto3.client("dynamodb"), "inventory")
        for round_number in range(2):
            began = time.process_time()
            for n in range(200):
                level = {"sku": f"S{n}", "version": round_number + 1, "on_hand": 9, "allocated": 0, "shipped_total": 0}
                projector.handler(kinesis({**level, "at": "2026-11-21T00:00:00+00:00"}), Context())
        return (time.process_time() - began) / 200 * 1000


def measure() -> None:
    """Measure everything, and write measured.json."""
    local.stack.Recorder = meter.Meter  # type: ignore[attr-defined] # the stack puts it between functions and AWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's user enters it, where this runs as root
        state = State(folder / "state")
        with state.owned():
            used = asyncio.run(measured(state))
    os.environ.update(VARIABLES)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S607
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit.stdout.strip(),
        "processor": processor(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[2]),
    }
    MEASURED.write_text(json.dumps({**about, **used, "one_by_one": one_by_one()}, indent=1) + "\n", "utf-8")
