"""The template: translated as AWS does it, and refused in one line when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.state import ROOT, LocalError
from local.template import STAND_IN, code_folders, translate

REGION = "us-east-1"
HEAD = "Transform: AWS::Serverless-2016-10-31\n"
FUNCTION = """
Parameters:
  Size: {Type: Number, Default: 256}
Globals:
  Function: {Runtime: python3.13, CodeUri: src/, MemorySize: !Ref Size}
Resources:
  One: {Type: 'AWS::Serverless::Function', Properties: {Handler: one.handler}}
  Two: {Type: 'AWS::Serverless::Function', Properties: {Handler: two.handler, CodeUri: other/}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def test_the_project_s_template_becomes_plain_cloudformation() -> None:
    translated = translate(ROOT / "template.yaml", {}, REGION)
    kinds = {one["Type"] for one in translated["Resources"].values()}
    assert "AWS::Lambda::Function" in kinds
    assert not [kind for kind in kinds if kind.startswith("AWS::Serverless::")]


def test_code_stays_in_its_folders(file: Path) -> None:
    file.write_text(HEAD + FUNCTION)
    translated = translate(file, {}, REGION)
    assert {name: one["Properties"]["Code"] for name, one in translated["Resources"].items() if "Role" not in name} == {
        "One": {"ZipFile": STAND_IN},
        "Two": {"ZipFile": STAND_IN},
    }
    assert code_folders(file) == {"One": file.parent / "src", "Two": file.parent / "other"}


def test_a_parameter_of_the_template_may_be_given(file: Path) -> None:
    file.write_text(HEAD + FUNCTION)
    assert translate(file, {"Size": "512"}, REGION)["Parameters"]["Size"]["Type"] == "Number"


def test_an_unknown_parameter_is_named(file: Path) -> None:
    file.write_text(HEAD + FUNCTION)
    with pytest.raises(LocalError, match=r"mine\.yaml has no parameter Colour, Sise"):
        translate(file, {"Sise": "1", "Size": "1", "Colour": "red"}, REGION)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Resources: [", r"mine\.yaml is not valid YAML: .* line 1"),
        ("a: 1\n b: 2", r"mine\.yaml is not valid YAML"),
        ("", "is not a template: it has no Resources"),
        ("[1, 2]", "is not a template: it has no Resources"),
        ("Resources: {}\n", "is not a valid SAM template: .*'Resources' section is required"),
        ("Resources: {Queue: }", "the resource Queue has no Type"),
        ("Resources: {Queue: {Typ: AWS::SQS::Queue}}", "the resource Queue has no Type"),
        ("Resources: {Queue: {Type: [1]}}", "the resource Queue has no Type"),
        ("Resources: {F: {Type: AWS::Serverless::Function}}", r"is not a valid SAM template: .*\[F\] is invalid"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file: Path, text: str, why: str) -> None:
    file.write_text(text)
    with pytest.raises(LocalError, match=why) as refusal:
        translate(file, {}, REGION)
    assert "\n" not in str(refusal.value)


def test_a_missing_template_is_named(file: Path) -> None:
    with pytest.raises(LocalError, match=f"there is no {file}"):
        translate(file, {}, REGION)
