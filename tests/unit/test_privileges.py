"""Roles allow nothing on everything, and the judge of what they allow misses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.stack import SETTINGS
from local.template import translate
from tests.privileges import catalogue
from tests.privileges.excepted import EVERYWHERE, MANAGED, UNUSED
from tests.privileges.judging import Grant, Record, Verdict, judge
from tests.privileges.session import findings
from tests.template import FILE

ROOT = FILE.parent
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:server-AbCdEf"
ROLES = {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}


def templates() -> dict[str, dict[str, Any]]:
    """Return every template as CloudFormation, by name."""
    found = {}
    for file in [FILE, *sorted((ROOT / "stacks").glob("*.yaml"))]:
        parsed = yaml_parse(file.read_text("utf-8"))
        given = {
            name: value
            for name, value in {**SETTINGS, "DatabaseSecretArn": SECRET}.items()
            if name in parsed["Parameters"]
        }
        found[file.name] = translate(file, given, "us-east-1") if "Transform" in parsed else parsed
    return found


def roles() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the properties of each role and policy, by logical id."""
    for template in templates().values():
        for name, resource in template["Resources"].items():
            if resource["Type"] in ROLES:
                yield name, resource["Properties"]


def allowed(node: Any) -> Iterator[dict[str, Any]]:
    """Yield each statement that allows something, under whichever conditions."""
    if isinstance(node, dict) and node.get("Effect") == "Allow" and "Resource" in node:
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from allowed(part)


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_role_allows_on_everything_what_can_be_allowed_on_one_thing() -> None:
    everywhere = {
        (name, action)
        for name, role in roles()
        for statement in allowed(role)
        if "*" in several(statement["Resource"])
        for pattern in several(statement["Action"])
        for action in catalogue.meant(pattern)
        if catalogue.has_resources(action)
    }

    assert everywhere == set(EVERYWHERE)


def test_all_actions_that_roles_allow_exist() -> None:
    patterns = {
        pattern for _, role in roles() for statement in allowed(role) for pattern in several(statement["Action"])
    }

    assert "sqs:SendMessage*" in patterns
    assert not [
        one for one in patterns if not catalogue.meant(one) or not all(map(catalogue.exists, catalogue.meant(one)))
    ]


def test_roles_have_those_policies_of_awss_own_that_there_is_a_reason_for() -> None:
    attached = {
        str(arn).rpartition("/")[2].rstrip("'}")
        for _, role in roles()
        for arn in role.get("ManagedPolicyArns", [])
        if ":aws:policy/" in str(arn)
    }

    assert attached == set(MANAGED)


TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/stack-Teas-123"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:stack-Kettles-123"
STORED = "arn:aws:secretsmanager:us-east-1:000000000000:secret:stack-Recipe-123-AbCdEf"
NAMES = {"Teas": "stack-Teas-123", "Kettles": "http://localhost:1/0/stack-Kettles-123", "Recipe": "stack-Recipe-123"}


def record(statements: list[dict[str, Any]], *calls: tuple[str | None, str, str | None, bool]) -> Record:
    made = [dict(zip(("function", "action", "resource", "denied"), call, strict=True)) for call in calls]
    return Record({"Brew": {"statements": statements, "managed": []}}, NAMES, made)


def allow(action: str | list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


GET, PUT = (Grant("Brew", f"dynamodb:{action}Item", "Teas") for action in ("Get", "Put"))
GOT = ("Brew", "dynamodb:GetItem", TABLE, False)


def test_what_is_used_and_what_is_not_is_told_by_the_names_in_the_template() -> None:
    actions = ["dynamodb:GetItem", "dynamodb:PutItem"]

    verdict = judge([record([allow(actions, TABLE), allow("secretsmanager:GetSecretValue", STORED)], GOT)])

    assert verdict.used == {GET}
    assert verdict.unused([]) == {PUT, Grant("Brew", "secretsmanager:GetSecretValue", "Recipe")}
    assert list(findings(verdict, whole=False)) == []
    assert list(findings(verdict, whole=True)) == [
        "granted and unused: Brew dynamodb:PutItem Teas",
        "granted and unused: Brew secretsmanager:GetSecretValue Recipe",
        *(f"excepted, though it is used: {' '.join(one)}" for one in sorted(UNUSED)),
    ]


def test_what_one_stack_does_not_use_another_may() -> None:
    statements = [allow(["dynamodb:GetItem"], TABLE)]

    assert not judge([record(statements), record(statements, GOT)]).unused([])


def test_an_index_is_not_its_table() -> None:
    index = f"{TABLE}/index/leaf"

    verdict = judge([record([allow("dynamodb:Query", TABLE)], ("Brew", "dynamodb:Query", index, True))])

    assert verdict.missing == {Grant("Brew", "dynamodb:Query", "Teas/index/leaf")}
    assert verdict.unused([]) == {Grant("Brew", "dynamodb:Query", "Teas")}


def test_wildcards_allow_every_action_that_there_is() -> None:
    verdict = judge([record([allow("dynamodb:*Item", TABLE), allow("sqs:SendMessage*", QUEUE)], GOT)])

    assert {one.action for one in verdict.unused([])} == {
        *(f"dynamodb:{name}Item" for name in ("Put", "Update", "Delete", "BatchGet", "BatchWrite")),
        "sqs:SendMessage",
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("Brew", "dynamodb:GetItem", TABLE, True), "denied, though allowed: Brew dynamodb:GetItem Teas"),
        (("Brew", "dynamodb:Scan", TABLE, False), "not denied, though not allowed: Brew dynamodb:Scan Teas"),
        (("Brew", "what does X need?", None, False), "Brew: what does X need?"),
        ((None, "dynamodb:GetItem", TABLE, False), "dynamodb:GetItem was sent without a signature"),
    ],
)
def test_what_cannot_be_or_cannot_be_judged_is_said(call: tuple[str | None, str, str | None, bool], said: str) -> None:
    assert judge([record([allow("dynamodb:GetItem", TABLE)], call)]).strange == {said}


def test_what_people_ask_for_themselves_needs_no_role() -> None:
    verdict = judge([record([], (None, "cognito-idp:SignUp", "*", False))])

    assert verdict == Verdict(calls=1)


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"},
        {**allow("dynamodb:GetItem", TABLE), "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Effect": "Allow", "NotAction": "dynamodb:*", "Resource": TABLE},
    ],
)
def test_a_statement_that_the_judge_does_not_understand_is_no_statement_to_it(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the judge knows no such statement"):
        judge([record([statement])])


def test_an_exception_is_about_what_it_names_and_must_be_about_something() -> None:
    verdict = judge([record([allow("dynamodb:PutItem", TABLE)])])

    assert not verdict.unused([Grant("*", "dynamodb:PutItem", "Teas")])
    assert not verdict.needless([Grant("Br*", "dynamodb:PutItem", "Teas")])
    assert verdict.needless([GET]) == {GET}


def test_a_record_of_a_stack_that_never_ran_is_none(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    file.touch()
    assert Record.read(file) is None

    head = {"roles": {}, "resources": {}}
    call = {"function": "Brew", "action": "sqs:SendMessage", "resource": QUEUE, "denied": False}
    file.write_text(f"{json.dumps(head)}\n{json.dumps(call)}\n")
    assert Record.read(file) == Record({}, {}, [call])
