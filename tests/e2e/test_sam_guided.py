"""`sam deploy --guided`, answered at a terminal with Enter alone, into an emulated AWS."""

from __future__ import annotations

import io
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from local.state import ROOT
from tests.cloud import REGION, Cloud
from tests.cloud import ROOT as KEYS
from tests.e2e.running import folder_for_all
from tests.e2e.sam import BIN, build, environment
from tests.stacks import cloud, described, outputs, resources
from tests.template import template

pytestmark = [pytest.mark.xdist_group("sam guided"), pytest.mark.timeout(600)]

QUESTION = r"\t(?:\x1b\[\d*m)*([^\x1b\[\t\n]+?)(?:\x1b\[\d*m)* \[([^\]\n]*)\]: "
LAST = r"Deploy this changeset\? \[y/N\]: "
OWN = {
    "Stack Name", "AWS Region", "Confirm changes before deploy", "Allow SAM CLI IAM role creation", "Disable rollback",
    "Save arguments to configuration file", "SAM configuration file", "SAM configuration environment",
}  # fmt: skip
"""What `sam` asks whatever the template is."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return a folder with what was built, and the settings of the clone beside it."""
    with folder_for_all() as folder:
        build(folder)
        shutil.copy(ROOT / "samconfig.toml", folder)
        yield folder


@pytest.fixture(scope="module")
def aws() -> Iterator[Cloud]:
    with folder_for_all() as folder, cloud(folder) as started:
        yield started


@pytest.fixture(scope="module")
def asked(folder: Path, aws: Cloud) -> dict[str, str]:
    """Answer each question with Enter, and the last with yes; return the questions with their defaults."""
    said, found = io.StringIO(), dict[str, str]()
    sam = pexpect.spawn(
        str(BIN / "sam"),
        ["deploy", "--guided"],
        cwd=str(folder),
        env=dict(environment(folder, aws.endpoint, REGION, *KEYS)),
        encoding="utf-8",
        timeout=200,
        dimensions=(60, 1000),
    )
    sam.logfile_read = said
    while sam.expect([QUESTION, LAST, pexpect.EOF]) != 2:
        if sam.after.startswith("Deploy"):
            sam.sendline("y")
        else:
            found[sam.match[1].removeprefix("Parameter ")] = sam.match[2]
            sam.sendline("")
    sam.close()
    assert sam.exitstatus == 0, said.getvalue()
    return found


def worth_a_thought() -> list[str]:
    """Return the questions that docs/deploy.md tells people to think about."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    table = text.partition("| question | think of |")[2].partition("\n\n")[0]
    return [
        one.removeprefix("Parameter ")
        for one in re.findall(r"^\| (Stack Name|AWS Region|Parameter \w+) \|", table, re.MULTILINE)
    ]


def test_every_question_is_sam_s_own_or_a_parameter_whose_default_will_do(asked: dict[str, str]) -> None:
    parameters = {name: str(one["Default"]) for name, one in template()["Parameters"].items()}

    assert {name: asked[name] for name in asked.keys() - OWN} == parameters
    assert asked.keys() >= OWN
    assert not [question for question in asked if "authentication" in question]


def test_at_most_ten_questions_are_worth_a_thought_and_they_are_asked_first(asked: dict[str, str]) -> None:
    assert 0 < len(worth_a_thought()) <= 10
    assert list(asked)[: len(worth_a_thought())] == worth_a_thought()


def test_the_answers_are_kept_for_the_next_time(asked: dict[str, str], folder: Path) -> None:
    kept = tomllib.loads((folder / "samconfig.toml").read_text())["default"]["deploy"]["parameters"]

    assert kept["region"] == REGION
    assert 'Stage="dev"' in kept["parameter_overrides"]
    assert kept["capabilities"] == "CAPABILITY_IAM"


def test_enter_alone_has_deployed_a_development_with_a_database_of_its_own(asked: dict[str, str], aws: Cloud) -> None:
    name = asked["Stack Name"]

    assert described(aws, name)["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(aws, name).keys() >= {"ApiUrl", "UserPoolId", "InventoryDatabaseEndpoint"}
    assert {"Network", "Databases"} <= resources(aws, name).keys()
