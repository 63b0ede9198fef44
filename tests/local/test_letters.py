"""Moving dead letters through the API: so many at a time, at a pace, and not for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from local import letters as module
from local.letters import Died, Letters


class Api(Letters):
    """The API of a stack that holds so many letters; those that are `undying` come back as soon as they have moved."""

    def __init__(self, holds: int, *, undying: bool = False) -> None:
        self.holds = holds
        self.undying = undying
        self.asked: list[Any] = []

    def count(self, _: Died) -> int:
        return self.holds

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        self.asked.append((method, path, body))
        said = body or {}
        moved = min(self.holds, len(said["ids"]) if "ids" in said else said.get("limit", 100))
        left = self.holds - moved
        self.holds = self.holds if self.undying else left
        return {"redriven": moved, "purged": moved, "missing": [], "kept": [], "waiting": None}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(module.time, "sleep", seconds.append)
    return seconds


def redriven(api: Api, rate: float, *ids: str) -> list[tuple[int, int]]:
    return [(moved.done, moved.total) for moved in api.redrive(Died.ORDERS, ids, rate)]


def test_all_go_at_the_pace_that_was_asked_for(slept: list[float]) -> None:
    api = Api(25)

    assert redriven(api, 10) == [(10, 25), (20, 25), (25, 25)]

    assert slept == [1, 1]
    assert api.asked[0] == ("POST", "orders/redrive", {"limit": 10})


@pytest.mark.parametrize(("rate", "size", "seconds"), [(0.5, 1, 2), (1.5, 1, 1 / 1.5), (1000, 100, 0.1)])
def test_any_pace_can_be_kept(slept: list[float], rate: float, size: int, seconds: float) -> None:
    api = Api(2 * size)

    redriven(api, rate)

    assert [body["limit"] for _, _, body in api.asked] == [size, size]
    assert slept == [pytest.approx(seconds)]


def test_letters_that_come_back_are_not_moved_again(slept: list[float]) -> None:
    assert redriven(Api(25, undying=True), 10)[-1] == (25, 25)


def test_nothing_there_is_no_call(slept: list[float]) -> None:
    api = Api(0)

    assert redriven(api, 10) == []

    assert api.asked == []


def test_when_somebody_else_has_taken_the_rest_it_ends(slept: list[float]) -> None:
    class Shared(Api):
        def count(self, _: Died) -> int:
            return 25

    assert redriven(Shared(10), 10) == [(10, 25), (10, 25)]


def test_named_letters_go_in_groups(slept: list[float]) -> None:
    api = Api(100)

    assert redriven(api, 2, "a", "b", "c") == [(2, 3), (3, 3)]

    assert [body for _, _, body in api.asked] == [{"ids": ["a", "b"]}, {"ids": ["c"]}]
    assert slept == [1]


def test_purging_goes_by_hundreds_without_waiting(slept: list[float]) -> None:
    api = Api(250)

    assert [moved.done for moved in api.purge(Died.SHIPPING, [])] == [100, 200, 250]
    assert slept == [0, 0]
    assert api.asked[0] == ("POST", "shipping/purge", {"all": True, "limit": 100})


def test_a_letter_is_looked_for_in_every_queue() -> None:
    class Empty(Api):
        def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
            super()._ask(method, path, body)
            raise module.NotThere(path)

    api = Empty(0)

    with pytest.raises(module.NotThere, match="no dead letter a/b now"):
        api.found("a/b")
    assert [path for _, path, _ in api.asked] == ["orders/a%2Fb", "shipping/a%2Fb", "projection/a%2Fb"]
