"""Dead letters in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count

from domain.letters.letters import Letter, Queue, Revived
from domain.letters.poison import Poison, letter


class MemoryDeadLetters:
    """The letters of each queue, oldest first; those that somebody holds are kept aside. While `stuck`, all stay."""

    def __init__(self) -> None:
        self._letters: dict[Queue, dict[str, Letter]] = defaultdict(dict)
        self._held: set[str] = set()
        self.stuck = False
        self._numbers = count(1)

    def add(self, queue: Queue, body: str, at: datetime) -> str:
        """Add a letter, as a queue does when a message has been received too often; return its id."""
        one = Letter(f"letter-{next(self._numbers)}", body, at, 1)
        self._letters[queue][one.id] = one
        return one.id

    @contextmanager
    def hold(self, queue: Queue, limit: int, ids: Collection[str] | None = None) -> Iterator[Sequence[Letter]]:
        """Keep up to `limit` letters, or the named ones, from everybody else for the block."""
        free = [one for one in self._letters[queue].values() if one.id not in self._held]
        held = free[:limit] if ids is None else [one for one in free if one.id in ids]
        names = {one.id for one in held}
        self._held |= names
        try:
            yield held
        finally:
            self._held -= names

    def remove(self, queue: Queue, letters: Collection[Letter]) -> Collection[str]:
        """Remove held letters; return the ids of those that are gone: none while `stuck`."""
        if self.stuck:
            return []
        for one in letters:
            self._letters[queue].pop(one.id, None)
        return [one.id for one in letters]

    def waiting(self, queue: Queue) -> int:
        """Return how many letters nobody holds."""
        return len(self._letters[queue].keys() - self._held)


class MemorySources:
    """What was sent back, in order; while `down`, nothing arrives."""

    def __init__(self) -> None:
        self.sent: list[tuple[Queue, Revived]] = []
        self.down = False

    def send_back(self, queue: Queue, revived: Sequence[Revived]) -> Collection[str]:
        """Send all; return the ids of the letters whose messages arrived: none while `down`."""
        if self.down:
            return []
        self.sent += [(queue, one) for one in revived]
        return [one.letter.id for one in revived]


class MemoryPoisonLetters:
    """Unreadable stream records among the letters in memory."""

    def __init__(self, letters: MemoryDeadLetters) -> None:
        self._letters = letters

    def send(self, found: Sequence[Poison]) -> Collection[int]:
        """Send all; return the indexes of those that have arrived."""
        for one in found:
            self._letters.add(Queue.PROJECTION, letter(one), one.why.at)
        return range(len(found))
