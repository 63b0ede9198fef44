"""Feeding the shop and waiting for it: patience, retries, order, keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from local.replay import phases, settling
from local.replay.feeding import Feed
from local.replay.phases import Phases
from local.replay.settling import settle
from local.replay.shop import ATTEMPTS, Answer, Shop
from local.retail import Offer, Return, Sale
from local.state import LocalError


def status(visible: int = 0, **changes: Any) -> dict[str, Any]:
    usual = {
        "queues": {"OrdersQueue": {"visible": visible, "in_flight": 0, "delayed": 0}},
        "dead_letters": {"OrdersDeadLetters": 0},
        "outbox": 0,
        "streams_idle": True,
        "settled": not visible,
    }
    return {**usual, **changes}


async def settled(*statuses: dict[str, Any], wait: float = 60, show: Any = lambda *_: None) -> tuple[Any, int]:
    """Settle on these statuses, the last of them for ever; return what came out and how many were read."""
    rest, read = list(statuses), 0

    async def next_status() -> dict[str, Any]:
        nonlocal read
        read += 1
        return rest.pop(0) if len(rest) > 1 else rest[0]

    found = await settle(next_status, show=show, interval=0, wait=wait)
    return found, read


async def test_three_looks_in_a_row_must_agree() -> None:
    found, read = await settled(status(5), status(), status(), status(1), status())
    assert (found.hanging, read) == ([], 7)


async def test_dead_letters_settle_too() -> None:
    found, _ = await settled(status(dead_letters={"OrdersDeadLetters": 2}))
    assert found.dead_letters == {"OrdersDeadLetters": 2}


async def test_what_does_not_move_is_named() -> None:
    found, _ = await settled(status(2, outbox=3, streams_idle=False), wait=0.02)
    assert found.hanging == [
        "OrdersQueue: 2 waiting, 0 in flight, 0 delayed",
        "outbox: 3 messages",
        "stream: not read to its end",
    ]


async def test_slow_progress_is_waited_for() -> None:
    found, _ = await settled(*(status(n) for n in range(50, 0, -1)), status(), wait=0)
    assert found.hanging == []


async def test_what_only_fails_again_and_again_does_not_move() -> None:
    def tried(times: int) -> dict[str, Any]:
        hidden = {"visible": times % 2, "in_flight": 1 - times % 2, "delayed": 0}
        source = {"batches": times, "failures": times, "last_error": "NotFound: there is no order 7"}
        dead = {"OrdersDeadLetters": 1}
        return status(settled=False, queues={"OrdersQueue": hidden}, sources=[source], dead_letters=dead)

    found, read = await settled(*(tried(times) for times in range(1, 100)), wait=0)
    assert (found.hanging, read) == (["OrdersQueue: 0 waiting, 1 in flight, 0 delayed"], 2)
    assert "NotFound: there is no order 7" in found.why
    assert "dead letters: 1" in found.why


async def test_why_nothing_moves_is_told_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "QUIET", 0)
    told: list[tuple[str, str]] = []
    await settled(status(2), status(1), status(1), status(), show=lambda *words: told.append(words))
    assert [(what[:22], why) for what, why in told[:2]] == [
        ("OrdersQueue: 2 waiting", ""),
        ("OrdersQueue: 1 waiting", ""),
    ]
    assert told[2][1] == "see `tradepost logs` and `tradepost dead-letters list`; at most 60 s without a movement"


async def test_without_a_terminal_a_line_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "LINES", 0)
    said = StringIO()
    with Phases(Console(file=said)) as shown:
        await shown.each("orders", [1, 2], lambda _: asyncio.sleep(0), at_once=1)
        with shown.phase("draining", total=None) as bar:
            bar.say("OrdersQueue: 1 waiting", "a function [has] failed")
    assert said.getvalue().splitlines()[:3] == [
        "orders: 1 of 2",
        "orders: 2 of 2",
        "draining: waiting for OrdersQueue: 1 waiting (a function [has] failed)",
    ]


class People:
    """Tokens that count how often they were renewed."""

    def __init__(self) -> None:
        self.tokens = {"ann": "token-0"}

    async def renew(self, name: str, refused: str) -> None:
        assert refused == self.tokens[name]
        self.tokens[name] = f"token-{int(refused[-1]) + 1}"


class Front:
    """A server that gives each POST the next of its answers and remembers the headers."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.headers: list[Any] = []

    async def post(self) -> tuple[Answer, Shop]:
        app = web.Application()
        app.router.add_post("/orders", self._answer)
        async with TestServer(app) as server, aiohttp.ClientSession() as http:
            shop = Shop(str(server.make_url("")).rstrip("/"), http, People())
            return await shop.post("/orders", {"lines": []}, who="ann", key="k1"), shop

    async def _answer(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        code, body = self.answers.pop(0)
        if code == 0:
            assert request.transport
            request.transport.close()
        return web.Response(status=code or 200, text=body if isinstance(body, str) else json.dumps(body))


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.replay.shop.LONGEST_PAUSE", 0.001)


@pytest.mark.usefixtures("_no_pauses")
async def test_server_errors_are_sent_again_under_the_same_key_and_counted() -> None:
    front = Front((500, {}), (0, ""), (503, "<html>"), (202, {"id": "o1"}))
    answer, shop = await front.post()
    assert (answer.status, answer.body, shop.server_errors, shop.retries) == (202, {"id": "o1"}, 3, 3)
    assert {headers["Idempotency-Key"] for headers in front.headers} == {"k1"}


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize("busy", [(429, {}), (409, {"type": "urn:tradepost:problem:request-in-flight"})])
async def test_requests_to_wait_are_followed_and_no_server_error(busy: tuple[int, Any]) -> None:
    answer, shop = await Front(busy, (202, {"id": "o1"})).post()
    assert (answer.status, shop.server_errors, shop.retries) == (202, 0, 1)


@pytest.mark.parametrize("refused", [(401, {"message": "Unauthorized"}), (403, {"message": "Forbidden"})])
async def test_a_refused_token_is_renewed(refused: tuple[int, Any]) -> None:
    front = Front(refused, (202, {"id": "o1"}))
    answer, shop = await front.post()
    assert (answer.status, shop.server_errors) == (202, 0)
    assert [headers["Authorization"] for headers in front.headers] == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.parametrize(
    "refused",
    [(400, {"type": "x"}), (403, {"type": "urn:tradepost:problem:forbidden"}), (409, {"type": "y"}), (422, {})],
)
async def test_other_refusals_are_final(refused: tuple[int, Any]) -> None:
    answer, _ = await Front(refused).post()
    assert (answer.status, answer.body) == refused


@pytest.mark.usefixtures("_no_pauses")
async def test_a_server_that_only_fails_is_given_up() -> None:
    answer, shop = await Front(*[(500, {"detail": "quote 7"})] * ATTEMPTS).post()
    assert (answer.status, answer.body) == (500, {"detail": "quote 7"})
    assert (shop.server_errors, shop.retries) == (ATTEMPTS, ATTEMPTS - 1)


@pytest.mark.usefixtures("_no_pauses")
async def test_nobody_listens() -> None:
    async with aiohttp.ClientSession() as http:
        shop = Shop("http://127.0.0.1:9", http, People())
        with pytest.raises(LocalError, match="the stack does not answer any more: POST /orders"):
            await shop.post("/orders", {}, who="ann", key="k1")


class FakeShop:
    """Takes everything but what `refuses` says, and remembers it."""

    def __init__(self, **refuses: int) -> None:
        self.posts: list[tuple[str, Any, str, str]] = []
        self.refuses = refuses

    async def post(self, path: str, body: Any, *, who: str, key: str) -> Answer:
        self.posts.append((path, body, who, key))
        await asyncio.sleep(0)
        code = self.refuses.get(path.split("/")[1], 202 if path == "/orders" else 201)
        return Answer(code, {"id": f"order-{len(self.posts)}"}, 0.01)


class FakeAccounts:
    def __init__(self) -> None:
        self.opened: list[str] = []

    async def open(self, username: str) -> None:
        self.opened.append(username)


@pytest.fixture
def quiet() -> Iterator[Phases]:
    with Phases(Console(file=StringIO())) as phases:
        yield phases


def feed(shop: FakeShop, phases: Phases, run: str = "run") -> Feed:
    return Feed(shop, FakeAccounts(), phases, run, 3)  # type: ignore[arg-type]


ORDERS = [Sale(str(n), "17850" if n % 2 else None, [("71053", n), ("84970s", 1), ("71053", 1)]) for n in range(1, 9)]


async def test_invoices_become_orders_in_file_order_of_their_customers(quiet: Phases) -> None:
    shop = FakeShop()
    fed = feed(shop, quiet)
    await fed.sign_in(ORDERS)
    await fed.place_orders(ORDERS)
    assert fed.accounts.opened == ["retail-17850", "retail-guest"]
    assert [key for *_, key in shop.posts] == [f"run-{n}" for n in range(1, 9)]
    assert [who for _, _, who, _ in shop.posts][:2] == ["retail-17850", "retail-guest"]
    lines = [{"sku": "71053", "quantity": 1}, {"sku": "84970s", "quantity": 1}, {"sku": "71053", "quantity": 1}]
    assert shop.posts[0][1] == {"lines": lines}
    assert len(fed.told().placed) == 8
    assert set(quiet.seconds) == {"sign-ins", "orders"}


async def test_stock_and_returns_add_up_and_every_return_has_its_own_key(quiet: Phases) -> None:
    """Nobody knows which orders the file's returns are of, so they are adjustments that name their invoice."""
    shop = FakeShop()
    fed = feed(shop, quiet)
    await fed.receive_stock({"TEA": 10, "MILK": 0})
    await fed.take_returns([Return("C1", "TEA", 2), Return("C1", "TEA", 2)])
    assert fed.told().received == {"TEA": 14}
    assert len({key for *_, key in shop.posts}) == 3
    assert [(path, body["reason"]) for path, body, _, _ in shop.posts] == [
        ("/inventory/TEA/receipts", "purchase"),
        *[("/inventory/TEA/adjustments", "return C1")] * 2,
    ]
    assert [body["quantity_change"] for _, body, _, _ in shop.posts[1:]] == [2, 2]


async def test_products_that_exist_are_fine_and_refusals_are_kept(quiet: Phases) -> None:
    fed = feed(FakeShop(products=409, inventory=403, orders=400), quiet)
    await fed.create_products({"TEA": Offer("Tea", 250)})
    await fed.receive_stock({"TEA": 10})
    await fed.place_orders(ORDERS[:1])
    told = fed.told()
    assert (told.received, told.placed) == ({}, [])
    assert [(one.phase, one.name, one.status) for one in told.failures] == [("stock", "TEA", 403), ("orders", "1", 400)]


async def test_what_ends_a_phase_is_raised_as_it_is(quiet: Phases) -> None:
    async def fail(_: int) -> None:
        raise LocalError("the stack does not answer any more")

    with pytest.raises(LocalError):
        await quiet.each("orders", [1, 2, 3], fail, at_once=2)
