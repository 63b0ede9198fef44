"""What a run is asked for by variables: refused before anything starts when it cannot be done."""

from __future__ import annotations

import pytest

from local.state import ROOT, LocalError
from tests import asked

EXCERPT = ROOT / "local" / "data" / "online-retail-excerpt.csv"


@pytest.fixture(autouse=True)
def _nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*asked.NUMBERS, "FILE", "FRONT"):
        monkeypatch.delenv(f"TRADEPOST_{name}", raising=False)


def test_nothing_need_be_asked_for() -> None:
    asked.check()
    assert (asked.number("SEED", 1), asked.file()) == (1, None)


def test_what_is_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOST_SEED", "0")
    monkeypatch.setenv("TRADEPOST_FILE", str(EXCERPT))
    asked.check()
    assert (asked.number("SEED", 1), asked.file()) == (0, EXCERPT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEED", "-7"),
        ("SEED", "9" * 5000),
        ("SECONDS", "abc"),
        ("SECONDS", "1.5"),
        ("CLIENTS", ""),
        ("KILLS", "0"),
        ("MINUTES", "60"),
        ("EXAMPLES", "many"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"TRADEPOST_{name}", value)
    with pytest.raises(LocalError, match=f"{name} is a whole number from"):
        asked.check()


@pytest.mark.parametrize("file", ["nowhere.csv", "README.md"])
def test_a_file_that_cannot_be_replayed_is_refused(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setenv("TRADEPOST_FILE", str(ROOT / file))
    with pytest.raises(LocalError, match=file):
        asked.check()


def test_another_front_than_functions_or_services_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOST_FRONT", "service")
    with pytest.raises(LocalError, match="FRONT is services or not set, not service"):
        asked.check()


def test_services_are_refused_where_no_nginx_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOST_FRONT", "services")
    monkeypatch.setattr("tests.asked.found_nginx", lambda: None)
    with pytest.raises(LocalError, match="nginx"):
        asked.check()
