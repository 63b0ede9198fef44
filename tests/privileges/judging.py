"""What functions asked of AWS, held against what their roles allow: nothing is missing, and nothing is too much.

A record is what `tradepost up --record` wrote. Names of resources differ from stack to stack, so findings name them as
template.yaml does: `InventoryTable`, `ItemsTable/index/owner_id`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from tests.privileges import catalogue


class Grant(NamedTuple):
    """A function's role allows an action on a resource."""

    function: str
    action: str
    resource: str


@dataclass(frozen=True)
class Record:
    """One stack: what each role allows, what its resources are called, and every call that was made."""

    roles: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, str]
    calls: list[dict[str, Any]]

    @classmethod
    def read(cls, file: Path) -> Record | None:
        """Return what a file holds; None for a stack that did not come so far as to have functions."""
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        heads = [line for line in lines if "roles" in line]
        return cls(**heads[0], calls=[line for line in lines if "roles" not in line]) if heads else None

    def granted(self) -> Iterator[Grant]:
        """Yield what roles allow, on ARNs."""
        for function, role in self.roles.items():
            for statement in role["statements"]:
                yield from _grants(function, statement)

    def named(self, grant: Grant) -> Grant:
        """Return a grant that names the resource as the template does, or as it is if it is none of the template's."""
        for logical, physical in self.resources.items():
            name = re.escape(physical.rpartition("/")[2] if "://" in physical else physical)
            if found := re.fullmatch(rf"arn:.*[:/]{name}(-\w{{6}})?(?P<part>/.*)?", grant.resource):
                return grant._replace(resource=logical + (found["part"] or ""))
        return grant._replace(resource=re.sub(r"^arn:.*?:.*?:.*?:.*?:|-\w{6}$", "", grant.resource))


@dataclass
class Verdict:
    """What was found; a judgement of several stacks unites theirs."""

    calls: int = 0
    used: set[Grant] = field(default_factory=set)
    granted: set[Grant] = field(default_factory=set)
    missing: set[Grant] = field(default_factory=set)
    strange: set[str] = field(default_factory=set)
    """Requests that cannot be judged, and those of which emulator and judge think differently."""

    def unused(self, excepted: Iterable[Grant]) -> set[Grant]:
        """Return what is allowed and not used, but for what is excepted."""
        return {one for one in self.granted - self.used if not any(_covers(rule, one) for rule in excepted)}

    def needless(self, excepted: Iterable[Grant]) -> set[Grant]:
        """Return exceptions that except nothing any more."""
        return {rule for rule in excepted if not any(_covers(rule, one) for one in self.granted - self.used)}


def judge(records: Iterable[Record]) -> Verdict:
    """Hold the calls of all stacks against their roles."""
    verdict = Verdict()
    for record in records:
        granted = set(record.granted())
        verdict.granted |= {record.named(one) for one in granted}
        verdict.strange |= {f"there is no {one.action}" for one in granted if not catalogue.exists(one.action)}
        for call in record.calls:
            _judge(call, record, granted, verdict)
    return verdict


def _judge(call: Mapping[str, Any], record: Record, granted: set[Grant], verdict: Verdict) -> None:
    verdict.calls += 1
    need = Grant(call["function"], call["action"], call["resource"])
    if need.resource is None:
        verdict.strange.add(f"{need.function}: {need.action}")
    elif need.function is None:
        if not catalogue.is_unsigned(need.action):
            verdict.strange.add(f"{need.action} was sent without a signature")
    else:
        used = {one for one in granted if _allows(one, need)}
        verdict.used |= {record.named(one) for one in used}
        if not used:
            verdict.missing.add(record.named(need))
        if bool(used) == call["denied"]:
            said = "denied, though allowed" if used else "not denied, though not allowed"
            verdict.strange.add(f"{said}: {' '.join(record.named(need))}")


def _grants(function: str, statement: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield what a statement allows. Raises ValueError for one in a form that nobody here has needed yet."""
    if statement.keys() - {"Sid"} != {"Effect", "Action", "Resource"} or statement["Effect"] != "Allow":
        raise ValueError(f"{function}: the judge knows no such statement: {statement}")
    for pattern in _list(statement["Action"]):
        for resource in _list(statement["Resource"]):
            yield from (Grant(function, action, resource) for action in catalogue.meant(pattern) or {pattern})


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _allows(grant: Grant, need: Grant) -> bool:
    same = (grant.function, grant.action) == (need.function, need.action)
    return same and fnmatchcase(need.resource, grant.resource.replace("[", "[[]"))


def _covers(rule: Grant, grant: Grant) -> bool:
    """Say whether an exception, in whose names * stands for anything, is about a grant."""
    return all(fnmatchcase(one, pattern) for pattern, one in zip(rule, grant, strict=True))
