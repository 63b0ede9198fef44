"""The replay from its first look at the stack to its report."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from local.replay import evidence, function_log, stream
from local.replay.accounts import Accounts
from local.replay.feeding import Feed
from local.replay.phases import Phases
from local.replay.reconciling import Level
from local.replay.report import Facts, Report
from local.replay.settling import Settled, settle
from local.replay.shop import Shop
from local.retail import Sales, read_sales
from local.state import LocalError, StackInfo

AT_ONCE = 8
MOST_STOCK = 1_000
STATUS_PATIENCE = 30.0
"""Seconds in which PostgreSQL, which the status asks, may be away."""


async def replay(
    info: StackInfo,
    file: Path,
    *,
    stock: float = 1.0,
    at_once: int = AT_ONCE,
    wait: float | None = None,
    progress: Console | None = None,
) -> Report:
    """Place every invoice of an Online Retail file as one order, and account for every unit.

    Before the orders come the products, `stock` times what the file sells of each as opening stock, and the
    file's returns: they undo purchases from before the file, and this way no outcome hangs on when they arrive.
    `at_once` requests are under way at a time, in file order. Before and after them nothing may be under way: this is
    waited for as long as something moves, and for `wait` seconds when nothing does (None: as long as a retry may take).
    `progress` is a console for bars, stderr by default.

    Raises LocalError for a file that is not Online Retail, or when the stack does not come to rest or stops answering.
    """
    share = _share(stock)
    sales = await asyncio.to_thread(read_sales, file)
    if not sales.orders:
        raise LocalError(f"{file} has no invoice that could be placed as an order")
    async with AsyncExitStack() as exits:
        phases = exits.enter_context(Phases(progress or Console(stderr=True)))
        accounts = exits.enter_context(Accounts(info, at_once))
        http = await exits.enter_async_context(aiohttp.ClientSession())
        run = _Run(info, sales, share, phases, http, Shop(info.url, http, accounts), at_once, wait)
        return await run.report(file, accounts)


def opening_stock(sold: Mapping[str, int], share: Decimal) -> Mapping[str, int]:
    """Return that share of what is sold of each sku, in whole units."""
    return {sku: math.floor(units * share) for sku, units in sold.items()}


def _share(stock: float) -> Decimal:
    if not 0 <= stock <= MOST_STOCK:
        raise LocalError(f"the opening stock must be 0 to {MOST_STOCK} times what the file sells, not {stock}")
    return Decimal(str(stock))


@dataclass(frozen=True)
class _Before:
    """How the stack stood before the run."""

    at: datetime
    log_size: int
    levels: Mapping[str, Level]
    dead_letters: Mapping[str, int]


@dataclass(frozen=True)
class _Run:
    info: StackInfo
    sales: Sales
    share: Decimal
    phases: Phases
    http: aiohttp.ClientSession
    shop: Shop
    at_once: int
    wait: float | None

    async def report(self, file: Path, accounts: Accounts) -> Report:
        before = await self._look()
        feed = Feed(self.shop, accounts, self.phases, f"replay-{uuid.uuid4()}", self.at_once)
        await accounts.sign_in("admin", self.info.users["admin"])
        await feed.create_products(self.sales.products)
        await feed.receive_stock(opening_stock(self.sales.sold, self.share))
        await feed.take_returns(self.sales.returns)
        await feed.sign_in(self.sales.orders)
        began = time.monotonic()
        await feed.place_orders(self.sales.orders)
        settled = await self._settle("draining")
        facts = await asyncio.to_thread(self._facts, feed, before, settled, settled.at - began)
        return Report.of(facts, file=str(file), stock=float(self.share), sales=self.sales)

    async def _look(self) -> _Before:
        """Wait for the end of what others left under way, then note how everything stands."""
        settled = await self._settle("earlier work")
        if settled.hanging:
            held = f"{', '.join(settled.hanging)} ({settled.why})"
            raise LocalError(f"the stack does not come to rest, so nothing could be told apart: {held}")
        levels = await asyncio.to_thread(evidence.decided_levels, self.info.database, list(self.sales.products))
        return _Before(datetime.now(UTC), function_log.size(self.info.log), levels, settled.dead_letters)

    async def _settle(self, name: str) -> Settled:
        with self.phases.phase(name, total=None) as bar:
            return await settle(self._status, show=bar.say, wait=self.wait)

    async def _status(self) -> Mapping[str, Any]:
        deadline = time.monotonic() + STATUS_PATIENCE
        while (status := await self._ask_status(patient=time.monotonic() < deadline)) is None:  # noqa: ASYNC110
            await asyncio.sleep(STATUS_PATIENCE / 100)
        return status

    async def _ask_status(self, *, patient: bool) -> Mapping[str, Any] | None:
        """Return the status; None when it cannot be had now and the caller is patient."""
        try:
            async with self.http.get(f"{self.info.lambda_url}/status") as answer:
                if patient and answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                    return None
                answer.raise_for_status()
                status: Mapping[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LocalError(f"the stack does not tell its status any more: {error!r} (see {self.info.log})") from error
        return status

    def _facts(self, feed: Feed, before: _Before, settled: Settled, seconds: float) -> Facts:
        """Collect what became of the run, from the databases, the stream and the log."""
        outcomes = evidence.outcomes(self.info.database, [one.order_id for one in feed.placed])
        dynamodb, kinesis = self.info.client("dynamodb"), self.info.client("kinesis")
        told = function_log.read(self.info.log, before.log_size)
        records = stream.stock_records(kinesis, self.info.resources["Stream"], before.at)
        return Facts(
            outcomes=outcomes,
            feed=feed.told(),
            before=before.levels,
            decided=evidence.decided_levels(self.info.database, list(self.sales.products)),
            projected=evidence.projected_levels(dynamodb, self.info.resources["InventoryTable"]),
            visible=stream.visible_at(outcomes, records, told.batches),
            functions=told.functions,
            phases=dict(self.phases.seconds),
            seconds=seconds,
            server_errors=self.shop.server_errors,
            retries=self.shop.retries,
            dead_letters={
                name: more
                for name, count in settled.dead_letters.items()
                if (more := count - before.dead_letters.get(name, 0))
            },
            hanging=list(settled.hanging),
        )
