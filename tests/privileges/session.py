"""A judgement at the end of a session: every stack that an end-to-end test started has left its record in one folder.

What is missing is found in whatever ran; what is too much only when every end-to-end test ran, and passed, with
functions and not services behind the API.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import asked
from tests.privileges.excepted import UNUSED
from tests.privileges.judging import Record, Verdict, judge

FOLDER = "TRADEPOST_RECORDS"
"""The variable that names the folder to all processes of a session."""
E2E = Path(__file__).parents[1] / "e2e"
LESS = ("keyword", "markexpr", "deselect", "lf", "maxfail")
"""pytest's options that leave tests out."""


class Judging:
    """The plugin of the process that controls the session."""

    def __init__(self, config: pytest.Config) -> None:
        self._folder = Path(tempfile.mkdtemp())
        os.environ[FOLDER] = str(self._folder)
        self._chosen = any("::" in one for one in config.args) or any(config.getoption(one, None) for one in LESS)
        self._ran: set[str] = set()
        self._failed = False
        self._said: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which files ran."""
        file = Path(report.nodeid.partition("::")[0])
        if file.parent.name == E2E.name:
            self._ran.add(file.name)
            self._failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge, and let the session fail."""
        records = [one for file in sorted(self._folder.iterdir()) if (one := Record.read(file))]
        shutil.rmtree(self._folder)
        if records:
            verdict = judge(records)
            wrong = list(findings(verdict, whole=self._whole()))
            if wrong and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self._said = [f"{len(records)} stacks, {summary(verdict)}", *wrong]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was found."""
        if self._said:
            terminalreporter.section("least privilege", sep="-", red=len(self._said) > 1)
            terminalreporter.write_line("\n".join(self._said))

    def _whole(self) -> bool:
        all_files = {file.name for file in E2E.glob("test_*.py")} - {*asked.left_out()}
        return not (self._chosen or self._failed or asked.services()) and self._ran >= all_files


def summary(verdict: Verdict) -> str:
    """Return the numbers."""
    return f"{verdict.calls} different calls, {len(verdict.used)} of {len(verdict.granted)} privileges used"


def findings(verdict: Verdict, *, whole: bool) -> Iterator[str]:
    """Yield what is wrong, a line each; `whole` says that everything that functions do has been done."""
    yield from (f"needed and missing: {' '.join(one)}" for one in sorted(verdict.missing))
    yield from sorted(verdict.strange)
    if whole:
        yield from (f"granted and unused: {' '.join(one)}" for one in sorted(verdict.unused(UNUSED)))
        yield from (f"excepted, though it is used: {' '.join(one)}" for one in sorted(verdict.needless(UNUSED)))
