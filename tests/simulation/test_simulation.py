"""A short run of the simulation: the order's way survives every schedule, and its variants do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.postgres.database import Server
from tests.simulation.schedule import FAULTS, Simulation, simulation
from tests.simulation.variants import VARIANTS

SCHEDULES, PART = 320, 40
SOON = 200
"""Schedules within which a variant must fail."""


@pytest.fixture(scope="module")
def as_it_is(postgres_server: Server) -> Iterator[Simulation]:
    """Return a simulation of the system as it is."""
    with simulation(postgres_server) as one:
        yield one


@pytest.mark.parametrize("first", range(0, SCHEDULES, PART))
def test_whatever_happens_every_order_has_one_outcome_and_every_unit_its_place(
    as_it_is: Simulation, first: int
) -> None:
    """A seed that fails here is shown step by step by `make simulate SEED=...`."""
    outcomes = [as_it_is.run(seed) for seed in range(first, first + PART)]
    assert {one.seed: one.violations for one in outcomes if one.violations} == {}
    assert min(sum(one.orders.values()) for one in outcomes) >= 5
    assert min(sum(one.faults.values()) for one in outcomes) >= FAULTS


def test_a_seed_always_tells_the_same_story(as_it_is: Simulation) -> None:
    first, again, another = (as_it_is.run(seed) for seed in (7, 7, 8))
    assert first == again
    assert first.trace != another.trace


@pytest.mark.parametrize("lack", VARIANTS)
def test_a_system_without_it_fails_soon(postgres_server: Server, lack: str) -> None:
    with simulation(postgres_server, VARIANTS[lack]) as variant:
        assert any(variant.run(seed).violations for seed in range(SOON))
