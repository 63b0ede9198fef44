"""Machines that do the same to two adapters of one port: the one in memory says what the other must answer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, precondition, rule

from domain.identity.users import Claim, User
from domain.inventory.stock import StockLevel
from domain.items.items import Item
from tests.machines.books import outcome
from tests.shop import NOON, Clock, level, new_id

few = st.integers(0, 3)


class Twins(RuleBasedStateMachine):
    """Two adapters of a port."""

    def __init__(self, model: Any, other: Any) -> None:
        super().__init__()
        self.model, self.other = model, other
        self.clock = Clock()

    def both(self, work: Callable[[Any], Any]) -> Any:
        """Do something to both; return what both answered."""
        expected = outcome(lambda: work(self.model))
        assert outcome(lambda: work(self.other)) == expected
        return expected


class StockViews(Twins):
    """Levels as some shop might have had them, delivered in any order and any number of times."""

    def __init__(self, model: Any, other: Any) -> None:
        super().__init__(model, other)
        self.history: list[StockLevel] = []
        self.newest: dict[str, StockLevel] = {}

    @rule(minutes=st.sampled_from([0, 0.5, 1, 20, 30, 40, 60, 150]), sku=st.sampled_from("AB"), shipped=few)
    def decide(self, minutes: float, sku: str, shipped: int) -> None:
        """Let stock change some time later, and its record arrive at once."""
        self.decide_silently(minutes, sku, shipped)
        self.write([0])

    @rule(minutes=st.sampled_from([0, 1, 30, 60]), sku=st.sampled_from("AB"), shipped=few)
    def decide_silently(self, minutes: float, sku: str, shipped: int) -> None:
        """Let stock change some time later; its record is on its way."""
        self.clock.tick(minutes=minutes)
        held = self.newest.get(sku) or level(sku, 0)
        total, version = held.shipped_total + shipped, held.version + 1
        self.newest[sku] = level(sku, version, on_hand=10 * version, shipped_total=total, at=self.clock())
        self.history.append(self.newest[sku])

    @precondition(lambda self: self.history)
    @rule(picks=st.lists(st.integers(0, 7), min_size=1, max_size=4))
    def write(self, picks: list[int]) -> None:
        """Any of the records at once; 0 is the newest."""
        records = [self.history[-1 - pick % len(self.history)] for pick in picks]
        self.both(lambda view: view.write(records))
        self.read({one.sku for one in records})

    @precondition(lambda self: self.history)
    @rule(pick=st.integers(0, 7), instead=st.integers(0, 7))
    def replace(self, pick: int, instead: int) -> None:
        """Put one record in the place of another of its sku, or nothing."""
        seen = self.history[-1 - pick % len(self.history)]
        others = [None, *(one for one in self.history if one.sku == seen.sku)]
        self.both(lambda view: view.replace([(seen, others[-1 - instead % len(others)])]))
        self.read({seen.sku})

    def read(self, skus: Collection[str]) -> None:
        """Read skus now and later, within the hour and after it."""
        for minutes in (0, 20, 45, 60):
            now = self.clock() + timedelta(minutes=minutes)
            for sku in skus:
                self.both(lambda view, sku=sku, now=now: view.read(sku, now))

    @rule()
    def list_all(self) -> None:
        self.both(lambda view: sorted(view.levels(), key=_sku))
        self.both(lambda view: sorted((one.level.sku, one.sold_last_hour) for one in view.page(10, self.clock())))


class ItemStores(Twins):
    """Items of two owners, changed and removed in the version that they have, or in another."""

    items = Bundle("items")

    @rule(target=items, owner=st.sampled_from(["ann", "bob"]), name=st.text(max_size=5))
    def add(self, owner: str, name: str) -> str:
        item = Item(new_id(), owner, name, "", 1, self.clock(), self.clock())
        self.both(lambda items: items.add(item))
        return item.id

    @rule(item=items, name=st.text(max_size=5), version=few)
    def change(self, item: str, name: str, version: int) -> None:
        changed = Item(item, "ann", name, "", version + 2, NOON, self.clock())
        if held := self.model.get(item):
            changed = replace(changed, owner_id=held.owner_id, version=max(held.version + 2 - version, 2))
        self.both(lambda items: items.replace(changed))

    @rule(item=items, version=few)
    def remove(self, item: str, version: int) -> None:
        held = self.model.get(item) or Item(item, "ann", "", "", version, NOON, NOON)
        self.both(lambda items: items.remove(replace(held, version=max(held.version + 1 - version, 1))))

    @rule(item=items)
    def get(self, item: str) -> None:
        self.both(lambda items: items.get(item))

    @rule(owner=st.sampled_from(["ann", "bob", "cleo"]), limit=st.integers(1, 3))
    def read_pages(self, owner: str, limit: int) -> None:
        before: str | None = None
        while page := self.both(lambda items, before=before: items.page(owner, limit, before)):
            before = page[-1].id

    @rule()
    def tick(self) -> None:
        self.clock.tick(seconds=1.000001)


PEOPLE = [
    User("s1", "ann", "ann@example.com", "Ann", NOON),
    User("s2", "ben", "ben@example.com", "Ben", NOON),
    User("s3", "cleo", "Ann@Example.com", "Cleo", NOON),
    User("s4", "ann", "ann@example.com", "Ann, after she left and came back", NOON),
]
"""Some who want the same email."""
people = st.sampled_from(PEOPLE)


class UserStores(Twins):
    """People who register, leave, come back and want each other's emails."""

    claims = Bundle("claims")

    @rule(user=people)
    def add(self, user: User) -> None:
        self.both(lambda users: users.add(user))
        self.look_at(user)

    @rule(user=people)
    def remove(self, user: User) -> None:
        self.both(lambda users: users.remove(user))
        self.look_at(user)

    def look_at(self, user: User) -> None:
        self.both(lambda users: users.get(user.id))
        self.both(lambda users: users.holder(user.email))

    @rule(target=claims, user=people)
    def make(self, user: User) -> Claim:
        return Claim.of(user.email, user.username, self.clock())

    @rule(target=claims, user=people)
    def look(self, user: User) -> Claim:
        return self.both(lambda users: users.holder(user.email)) or Claim.of(user.email, user.username, self.clock())

    @rule(wanted=claims, instead_of=st.none() | claims)
    def claim(self, wanted: Claim, instead_of: Claim | None) -> None:
        """Only who knows it as it stands."""
        if instead_of is None or instead_of.email == wanted.email:
            self.both(lambda users: users.claim(wanted, instead_of))
            self.both(lambda users: users.holder(wanted.email))

    @rule(claim=claims)
    def release(self, claim: Claim) -> None:
        self.both(lambda users: users.release(claim))
        self.both(lambda users: users.holder(claim.email))

    @rule()
    def tick(self) -> None:
        self.clock.tick(seconds=15)

    @rule(limit=st.integers(1, 3))
    def read_pages(self, limit: int) -> None:
        """Each in an order of its own."""
        assert _everybody(self.other, limit) == _everybody(self.model, limit)


def _everybody(users: Any, limit: int) -> list[User]:
    found: list[User] = []
    after = None
    while page := users.page(limit, after):
        found += page
        after = (page[-1].username, page[-1].id)
    return sorted(found, key=_id)


def _sku(one: StockLevel) -> str:
    return one.sku


def _id(one: User) -> str:
    return one.id
