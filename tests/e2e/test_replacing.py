"""Servers of a service are replaced one after the other, as a deployment does, and no client notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.postgres.database import Database, Server
from tests.replacing import asking, fill, natively, pair, stopped_in_flight

CLIENTS = 8


@pytest.fixture
def filled(catalogue: Database) -> Database:
    fill(catalogue)
    return catalogue


def test_no_request_is_lost_while_both_are_replaced(filled: Database, postgres_server: Server, tmp_path: Path) -> None:
    with pair(natively, postgres_server, tmp_path) as (proxy, servers), asking(proxy.port, CLIENTS) as answers:
        for server in servers:
            server.stop()
            server.start()
    assert set(answers) == {"200"}


def test_who_is_told_to_stop_finishes_what_it_has_begun(
    filled: Database, postgres_server: Server, tmp_path: Path
) -> None:
    with pair(natively, postgres_server, tmp_path) as (_, (server, _)):
        assert stopped_in_flight(server, filled)[0] == "200"
