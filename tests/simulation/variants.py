"""The system as it is, and variants that are wrong on purpose: a simulation must find what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any, ClassVar

from adapters.memory.others import MemoryStockView
from adapters.postgres.transaction import PostgresTransaction
from domain.inventory.stock import StockLevel
from domain.outbox import Message, Written
from tests.simulation.ports import Port, Store, lost_connection


@dataclass(frozen=True)
class Variant:
    """What the handlers get for a store, and where the projection is kept."""

    store: Callable[[Store], Any] = lambda store: store
    view: Callable[[], MemoryStockView] = MemoryStockView


AS_IT_IS = Variant()


class Wrapped:
    """Something that forwards everything but what a variant does otherwise."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        """Return what the inner has."""
        return getattr(self.inner, name)


class CarelessView(MemoryStockView):
    """A projection that takes what comes last, whatever its version."""

    def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
        """Write all."""
        for level in levels:
            self._history[level.sku].append(level)
        return {}


class WithTransaction(Wrapped):
    """A store whose transactions are of another kind."""

    kind: type[Wrapped]

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Begin a transaction."""
        with self.inner.transaction() as tx:
            yield self.kind(tx)


class Unboxed(Wrapped):
    """A transaction that keeps no outbox: what is published is only in the writer's memory."""

    def publish(self, messages: Iterable[Message], _: datetime) -> None:
        """Note the messages for after the commit."""
        self.inner.written += [Written(i, one) for i, one in enumerate(messages, len(self.inner.written) + 1)]


class WithoutOutbox(WithTransaction):
    """Messages are sent after the commit, and not written with it."""

    kind = Unboxed


class InAnyOrder(Wrapped):
    """A transaction that locks stock from A to Z, or from Z to A."""

    descending: ClassVar = cycle([False, True])

    def lock_stock(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Lock one after the other."""
        return [level for sku in sorted(skus, reverse=next(self.descending)) for level in self.inner.lock_stock([sku])]


class WithoutLockOrder(WithTransaction):
    """Stock is locked in any order."""

    kind = InAnyOrder


class WithoutTransaction(Wrapped):
    """Each statement is a transaction of its own."""

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Begin nothing."""
        alone = PostgresTransaction(self.inner._database.connection())
        yield Port("transaction", alone, self.inner._world, lost_connection)


VARIANTS = {
    "version condition": Variant(view=CarelessView),
    "outbox": Variant(WithoutOutbox),
    "transaction": Variant(WithoutTransaction),
    "lock order": Variant(WithoutLockOrder),
}
"""By what each of them lacks."""
