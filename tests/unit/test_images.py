"""The images are made of what runs natively, too; that they run, `make containers-check` shows."""

from __future__ import annotations

import json
import re

import pytest

from local import services
from local.state import ROOT

DOCKERFILE = (ROOT / "containers" / "Dockerfile").read_text()
STAGES = {
    found[1]: found[0]
    for found in re.findall(r"^(FROM \S+ AS (\S+)$.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
}


def test_the_service_is_served_by_the_same_command() -> None:
    (command,) = re.findall(r"^CMD (\[.*\])$", STAGES["service"], re.MULTILINE)
    assert json.loads(command) == [*services.SERVER, services.APP]


def test_the_proxy_is_told_of_what_its_settings_name_and_nothing_else() -> None:
    (named,) = re.findall(r"envsubst '(.*)'", (ROOT / "containers" / "proxy.sh").read_text())
    assert set(named.replace("$", "").split()) == set(re.findall(r"\$\{(\w+)}", services.PROXY.read_text()))


@pytest.mark.parametrize("name", ["service", "proxy"])
def test_nobody_is_root_and_only_tmp_is_written_to(name: str) -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", STAGES[name], re.MULTILINE)
    assert "VOLUME /tmp" in STAGES[name]


def test_services_run_on_the_versions_that_were_tested() -> None:
    tested, served = (pinned(f"requirements/{name}.txt") for name in ("dev", "service"))
    assert served <= tested
    assert served > pinned("src/requirements.txt")


def pinned(file: str) -> set[str]:
    """Return what a file of requirements pins, as name==version."""
    return set(re.findall(r"^[\w.-]+==[^ ]+", (ROOT / file).read_text(), re.MULTILINE))


def test_every_file_of_requirements_is_pinned_anew_by_make_lock() -> None:
    files = {f"requirements/{one.name}" for one in (ROOT / "requirements").glob("*.in")}
    (lock,) = re.findall(r"^lock:.*?\n\n", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert files == set(re.findall(r"requirements/\w+\.in", lock))


@pytest.mark.parametrize("pins", ["requirements/service.txt", "src/requirements.txt"])
def test_packages_are_pinned_by_their_digests(pins: str) -> None:
    (stage,) = (text for text in STAGES.values() if f"COPY {pins}" in text)
    assert "--require-hashes" in stage
