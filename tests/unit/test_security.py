"""docs/security.md: its table is the template's, and the tests that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

from local.security import PAGE, written

TESTS = Path(__file__).parents[1]


def test_the_table_of_roles_is_the_template_s() -> None:
    page = PAGE.read_text("utf-8")

    assert page == written(page), "template.yaml has changed: make security"


def test_what_holds_each_threat_is_shown_by_tests_that_are_there() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text("utf-8").split("##")[0].splitlines() if line.startswith("| ")]
    threats = rows[1:]

    assert len(threats) > 10
    for threat, *_, shown in threats:
        named = re.findall(r"(test_\w+)(?: \(([^)]*)\))?", shown)
        assert named, threat
        for module, promises in named:
            files = list(TESTS.rglob(f"{module}.py"))
            assert files, (threat, module)
            text = "".join(file.read_text("utf-8") for file in files)
            for promise in re.findall(r"`(\w+)`", promises):
                assert re.search(rf"def test_\w*{promise}", text), (threat, promise)
