"""One running stack for all end-to-end tests of a session, and what it promises when it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import asked
from tests.e2e.leaks import leaks
from tests.e2e.running import Up, end_at_once, folder_for_all, running
from tests.e2e.shop import Person, Shop

collect_ignore = [*asked.left_out()]


def pytest_configure() -> None:
    """Clean up when told to end, too; Ctrl-C does so anyway."""
    signal.signal(signal.SIGTERM, end_at_once)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is of functions where services answer."""
    here = Path(__file__).parent
    left_out = [one for one in items if one.path.parent == here and asked.of_functions(one.nodeid)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [one for one in items if one not in left_out]


@pytest.fixture(scope="session")
def stack() -> Iterator[Up]:
    """Run the stack; afterwards nothing of it may be left, and no secret may stand in its log."""
    with running() as up:
        yield up


@pytest.fixture(scope="session")
def shop(stack: Up) -> Iterator[Shop]:
    """Return the shop on the running stack."""
    shop = Shop(stack.state.read())
    yield shop
    assert leaks(Path(shop.info.log).read_text(), shop.secrets) == set()


@pytest.fixture(scope="session")
def admin(shop: Shop) -> Person:
    return shop.admin


@pytest.fixture(scope="session")
def customer(shop: Shop) -> Person:
    """Return a customer for tests that leave no trace on the account."""
    return shop.customer()


@pytest.fixture(autouse=True)
def late_in_time(request: pytest.FixtureRequest) -> None:
    """Give that token out before the first test on the stack."""
    if "shop" in request.fixturenames:
        request.getfixturevalue("late")


@pytest.fixture(scope="session")
def late(shop: Shop, customer: Person) -> Person:
    """Return the customer with a token of one second, so that the test that needs it expired need not wait."""
    with shop.tokens_for(seconds=1):
        return shop.signed_in(customer.username, customer.password)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder for a stack of the test's own."""
    with folder_for_all() as folder:
        yield folder
