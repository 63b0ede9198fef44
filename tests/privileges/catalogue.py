"""IAM's actions, from AWS's Service Authorization Reference in the form in which cfn-lint ships it."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import botocore.session

MODELS = {"elasticloadbalancing": "elbv2"}
"""What botocore calls a service of another name in IAM."""


@cache
def _services() -> Any:
    return json.loads((files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text("utf-8"))


@cache
def _operations(service: str) -> tuple[str, ...]:
    return tuple(botocore.session.get_session().get_service_model(MODELS.get(service, service)).operation_names)


def exists(action: str) -> bool:
    """Say whether there is such an action: operations in batches, for one, have none of their own."""
    service, _, name = action.partition(":")
    return name.lower() in _services().get(service, {}).get("Actions", {})


def has_resources(action: str) -> bool:
    """Say whether an action can be allowed on certain resources alone."""
    service, _, name = action.partition(":")
    return bool(_services()[service]["Actions"][name.lower()].get("Resources"))


def meant(pattern: str) -> set[str]:
    """Return the actions that a policy's `Action` allows: `sqs:SendMessage*` is `sqs:SendMessage` and no other."""
    if "*" not in pattern:
        return {pattern}
    service, _, name = pattern.partition(":")
    found = {f"{service}:{one}" for one in _operations(service) if fnmatchcase(one, name)}
    return {action for action in found if exists(action)}


def is_unsigned(action: str) -> bool:
    """Say whether an operation is sent without a signature, and so asks nothing of a role."""
    service, _, name = action.partition(":")
    model = botocore.session.get_session().get_service_model(service)
    return name in model.operation_names and model.operation_model(name).auth_type == "none"
