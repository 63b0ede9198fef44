"""The running stack keeps what openapi.yaml says, whatever it is sent: tried by schemathesis, with all its checks.

A short run. `make conformance` sends thousands of requests more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import asked
from tests.e2e.running import running
from tests.e2e.shop import Shop

pytestmark = pytest.mark.xdist_group("e2e-description")

ROOT = Path(__file__).parents[2]
EXAMPLES, SEED, MINUTES = asked.number("EXAMPLES", 10), asked.number("SEED", 1), asked.number("MINUTES", 0)
"""Requests of each kind and operation, where they begin, and how long they go on (0: until all are sent)."""
PHASES = "examples,coverage,fuzzing,stateful"


@pytest.fixture(scope="module")
def own_shop() -> Iterator[Shop]:
    """Return a shop on a stack of its own: what is sent deactivates products and moves stock."""
    with running() as up:
        yield Shop(up.state.read())


@pytest.mark.timeout(3600)
def test_whatever_is_sent_the_answer_is_one_of_those_described(own_shop: Shop, tmp_path: Path) -> None:
    tokens = {
        "ADMIN_TOKEN": own_shop.admin.token,
        "LEAVER_TOKEN": own_shop.customer().token,
        "GUEST_TOKEN": own_shop.customer().token,
    }
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", ROOT / "tests/e2e/schemathesis.toml"),
            *("run", ROOT / "openapi.yaml", "--url", own_shop.info.url, "--checks", "all", "--phases", PHASES),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--workers", "2"),
            *(("--max-time", str(60 * MINUTES)) if MINUTES else ()),
            *("--report", "json", "--report-json-path", report),
        ],
        env={**os.environ, **tokens, "PYTHONPATH": str(Path(__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    told: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    print(done.stdout[-20_000:])  # noqa: T201 - shown when the test fails, or with -s
    assert done.returncode == 0, done.stderr
    assert {phase["status"] for phase in told["phases"].values()} == {"success"}
    assert told["operations"]["tested"] == told["operations"]["total"]
    assert told["test_cases"]["generated"] > 1000
    assert own_shop.settled()
