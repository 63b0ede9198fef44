"""How machines are run: over a few examples, or, with TRADEPOST_EXAMPLES=1000, over so many new ones of each.

The few are the same for the same code, as long as the same modules are loaded: hypothesis takes constants from them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests import asked

ASKED = asked.number("EXAMPLES", 0)
PATIENCE = 7200
"""Seconds after which a run with many examples is given up."""


def run(machine: Callable[[], RuleBasedStateMachine], examples: int, steps: int = 40) -> None:
    """Run a machine over so many examples of so many steps; print the shortest steps that fail, if any do.

    New ones can be had again: `--hypothesis-seed` takes the number that a failed run names.
    """
    run_state_machine_as_test(machine, settings=_settings(examples, steps))  # type: ignore[arg-type] # a function will do


def breaks(machine: Callable[[], RuleBasedStateMachine], examples: int) -> None:
    """See that a machine finds something within so many examples."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=settings(_settings(examples, 40), phases=[Phase.generate]))  # type: ignore[arg-type] # as above


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=ASKED or examples,
        stateful_step_count=steps,
        derandomize=not ASKED,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
