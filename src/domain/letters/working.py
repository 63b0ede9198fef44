"""What an operator does with dead letters: look, send them back, give them up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.decisions import Decisions
from domain.errors import Conflict, NotFound, Unavailable
from domain.letters.failures import Failure, Failures
from domain.letters.letters import DeadLetters, Letter, Queue, Sources, revived
from domain.orders.deciding import abandon_orders
from domain.orders.order import Order, Status
from domain.outbox import Publisher
from domain.ports import Clock

REACH = 100
"""Letters of the stream that are looked at for some that can go back."""
WAITS_IN: Mapping[Queue, Status] = {Queue.ORDERS: Status.PLACED, Queue.SHIPPING: Status.CONFIRMED}
"""The status of an order whose message died there, unless another message has brought it on since."""


@dataclass(frozen=True)
class Explained:
    """A letter, and why it died, when that was noted."""

    letter: Letter
    failure: Failure | None


@dataclass(frozen=True)
class Wanted:
    """Up to `limit` letters of a queue, or the named ones."""

    queue: Queue
    limit: int
    ids: Collection[str] | None = None


@dataclass(frozen=True)
class Redriven:
    """How many letters went back, the ids of those that cannot and of those not there, and about how many wait.

    `kept` are the ids of those that should be gone and are still there: they did not arrive, or could not be removed.
    """

    sent: int
    refused: Sequence[str]
    missing: Sequence[str]
    waiting: int | None
    kept: Sequence[str] = ()


@dataclass(frozen=True)
class Purged:
    """How many letters are gone, which orders that rejected, the ids of those not there, and about how many wait.

    `kept` are the ids of those that could not be removed: purging them again is harmless.
    """

    letters: int
    rejected: Sequence[Order]
    missing: Sequence[str]
    waiting: int | None
    kept: Sequence[str] = ()


def list_letters(wanted: Wanted, letters: DeadLetters, failures: Failures) -> Sequence[Explained]:
    """Return letters and why they died. Looking takes them out of sight of others for a moment."""
    with letters.hold(wanted.queue, wanted.limit, wanted.ids) as held:
        found = list(held)
    known = failures.find({one.failed_as for one in found})
    return [Explained(one, known.get(one.failed_as) or one.failure()) for one in found]


def get_letter(queue: Queue, letter_id: str, letters: DeadLetters, failures: Failures) -> Explained:
    """Return one letter. Raises NotFound, for one that somebody else holds right now too."""
    found = list_letters(Wanted(queue, 1, [letter_id]), letters, failures)
    if not found:
        raise NotFound(f"there is no dead letter {letter_id} of {queue} in reach, or somebody holds it now")
    return found[0]


def redrive(wanted: Wanted, letters: DeadLetters, sources: Sources) -> Redriven:
    """Send letters back to where they came from, and remove those that arrived.

    Letters that cannot go back do not stand in the way of up to REACH behind them. A crash before the removal leaves
    both, which is harmless: every step may come twice. Raises Conflict when there are letters and none of them can
    go back, Unavailable when none arrives.
    """
    reach = max(wanted.limit, REACH) if wanted.queue is Queue.PROJECTION else wanted.limit
    with letters.hold(wanted.queue, reach, wanted.ids) as held:
        found = {one.id: revived(wanted.queue, one) for one in held}
        back = [one for one in found.values() if one]
        if wanted.ids is None:
            back = back[: wanted.limit]
        refused = [letter_id for letter_id, one in found.items() if one is None]
        if refused and not back:
            raise Conflict("these letters lack their records' data: repair with reconcile, then purge them")
        arrived = sources.send_back(wanted.queue, back) if back else []
        if back and not arrived:
            raise Unavailable("nothing could be sent back; try again")
        gone = letters.remove(wanted.queue, [one.letter for one in back if one.letter.id in arrived])
        kept = tuple(one.letter.id for one in back if one.letter.id not in gone)
        missing = _missing(wanted, held)
    return Redriven(len(arrived), refused, missing, letters.waiting(wanted.queue), kept)


def purge(
    wanted: Wanted,
    letters: DeadLetters,
    *,
    tell: Callable[[Letter], None],
    store: Decisions,
    publisher: Publisher,
    clock: Clock,
) -> Purged:
    """Give letters up: reject the orders that still wait for the step that died, and remove the letters.

    `tell` is told of each letter before anything happens. A crash in between leaves the letter, and the order
    rejected: purging it again is harmless.
    """
    with letters.hold(wanted.queue, wanted.limit, wanted.ids) as held:
        for one in held:
            tell(one)
        named = {one.order_id for one in held if one.order_id} if wanted.queue in WAITS_IN else set()
        rejected = (
            abandon_orders(named, WAITS_IN[wanted.queue], store=store, publisher=publisher, clock=clock)
            if named
            else {}
        )
        gone = letters.remove(wanted.queue, held)
        kept = tuple(one.id for one in held if one.id not in gone)
        missing = _missing(wanted, held)
    return Purged(len(gone), list(rejected.values()), missing, letters.waiting(wanted.queue), kept)


def _missing(wanted: Wanted, held: Sequence[Letter]) -> Sequence[str]:
    return sorted(set(wanted.ids or ()) - {one.id for one in held})
