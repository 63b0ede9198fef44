"""How `sam build` finds what a function is made of."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from delivery.packages import reach
from delivery.packages.package import required
from delivery.packages.trees import PYTHON
from delivery.share import share
from local.state import ROOT

TEMPLATES = {"template.yaml": ".", "stacks/items.yaml": ".."}


def functions(template: str) -> dict[str, Any]:
    resources = yaml_parse((ROOT / template).read_text())["Resources"]
    return {name: one for name, one in resources.items() if one["Type"] == "AWS::Serverless::Function"}


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_function_is_built_by_the_makefile_by_its_name_which_is_its_module_s(template: str) -> None:
    for name, function in functions(template).items():
        metadata = function["Metadata"]
        assert (metadata["BuildMethod"], metadata["WorkingDirectory"]) == ("makefile", TEMPLATES[template]), name
        assert f"{reach.module_of(name)}.handler" == function["Properties"]["Handler"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_modules_are_compiled_by_the_python_that_will_run_them(template: str) -> None:
    runtime = yaml_parse((ROOT / template).read_text())["Globals"]["Function"]["Runtime"]

    assert runtime == f"python{PYTHON[0]}.{PYTHON[1]}"


def test_sam_keeps_no_second_copy_of_packages() -> None:
    said = tomllib.loads((ROOT / "samconfig.toml").read_text())

    assert [said[name]["build"]["parameters"]["cached"] for name in ("default", "prod")] == [False, False]


def test_a_name_that_is_no_function_s_is_refused() -> None:
    with pytest.raises(SystemExit, match="NoSuchFunction is no function of ours"):
        reach.module_of("NoSuchFunction")


def test_imports_count_wherever_they_are_unless_they_are_for_type_checkers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "SRC", tmp_path)
    (tmp_path / "handlers" / "inner").mkdir(parents=True)
    (tmp_path / "handlers" / "__init__.py").write_text("import of_the_package")
    (tmp_path / "handlers" / "inner" / "__init__.py").write_text("from . import beside\nfrom ..later import x")
    (tmp_path / "handlers" / "inner" / "beside.py").write_text("try:\n    import tried\nexcept ImportError:\n    pass")
    (tmp_path / "handlers" / "later.py").write_text("import os, a.b")
    (tmp_path / "handlers" / "one.py").write_text(
        "from typing import TYPE_CHECKING\nimport handlers.inner\n"
        "if TYPE_CHECKING:\n    import for_types\nelse:\n    import otherwise\n"
        "def f():\n    from aws_lambda_powertools.utilities.idempotency import x\n"
    )

    own, others = reach.reached("handlers.one")

    powertools = {"aws_lambda_powertools", reach.EVENTS, "boto3"}
    assert others == {"of_the_package", "tried", "a", "otherwise", *powertools}
    assert {str(file.relative_to(tmp_path / "handlers")) for file in own} == {
        "__init__.py", "inner/__init__.py", "inner/beside.py", "later.py", "one.py"
    }  # fmt: skip


@pytest.mark.parametrize(("said", "more"), [("gateway", set()), ("handler", {"jwt", "cryptography"})])
def test_handlers_bring_what_verifies_tokens_where_a_template_says_that_they_do(
    said: str, more: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach._handlers_verify.cache_clear()
    (tmp_path / "template.yaml").write_text(f"        TOKENS_VERIFIED_BY: {said}  # or handler\n")
    monkeypatch.setattr(reach, "TEMPLATES", [tmp_path / "template.yaml"])

    assert reach.reached("handlers.get_item")[1] & {"jwt", "cryptography"} == more
    reach._handlers_verify.cache_clear()


def test_a_service_that_is_not_written_out_fails_the_build(tmp_path: Path) -> None:
    file = tmp_path / "wiring.py"
    file.write_text("import x\n\nx.client(name)\n")

    with pytest.raises(SystemExit, match=r"wiring.py:3: write the service out"):
        reach.services([file])


def test_a_distribution_brings_what_it_requires_and_of_its_extras_those_that_are_asked_for() -> None:
    installed = {
        "psycopg": {
            "entries": ["psycopg"],
            "requires": ["psycopg-c; extra == 'c'", "psycopg-binary; extra == 'binary'"],
        },
        "psycopg_binary": {"entries": ["psycopg_binary"], "requires": ["Typing.Extensions>=4"]},
        "psycopg-c": {"entries": ["psycopg_c"], "requires": []},
        "typing_extensions": {"entries": ["typing_extensions.py"], "requires": ["tzdata; sys_platform == 'win32'"]},
        "email-validator": {"entries": ["email_validator"], "requires": ["dnspython>=2"]},
        "dnspython": {"entries": ["dns"], "requires": []},
    }

    assert required({"psycopg"}, installed) == {"psycopg", "psycopg_binary", "typing_extensions"}
    assert required({"email_validator"}, installed) == {"email-validator"}
    with pytest.raises(LookupError, match="no_such_library"):
        required({"no_such_library"}, installed)


def test_functions_share_a_folder_where_their_files_are_the_same_on_disk(tmp_path: Path) -> None:
    for name in ("One", "Two", "Alike"):
        (tmp_path / name).mkdir()
    (tmp_path / "One" / "a.py").write_text("")
    (tmp_path / "Two" / "b.py").hardlink_to(tmp_path / "One" / "a.py")
    (tmp_path / "Alike" / "a.py").hardlink_to(tmp_path / "One" / "a.py")
    built = tmp_path / "template.yaml"
    built.write_text(
        "Globals:\n    CodeUri: src/\n" + "".join(f"      CodeUri: {one}\n" for one in ("One", "Two", "Alike"))
    )

    share(built)

    assert [line.split()[-1] for line in built.read_text().splitlines()[1:]] == ["src/", "One", "Two", "One"]
