"""Rotating a service's password as Secrets Manager does it: one function, four steps, a version of the secret."""

from __future__ import annotations

import json
import uuid
from typing import Any

from local import asking
from local.state import LocalError, StackInfo

FUNCTION = "RotateSecretFunction"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SERVICES = ("product", "inventory", "user")


def rotate(info: StackInfo, service: str) -> None:
    """Take all four steps, or go on with those that broke off. Raises LocalError naming the one that failed."""
    secret = secret_arn(info, service)
    version = _under_way(info, secret) or str(uuid.uuid4())
    for one in STEPS:
        step(info, one, secret, version)


def _under_way(info: StackInfo, secret: str) -> str | None:
    versions = info.client("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
    return next((version for version, stages in versions.items() if stages == ["AWSPENDING"]), None)


def step(info: StackInfo, name: str, secret: str, version: str) -> None:
    """Take one step. Raises LocalError when the function fails."""
    event = {"Step": name, "SecretId": secret, "ClientRequestToken": version}
    answer = asking.invoke(info, FUNCTION, json.dumps(event).encode())
    if answer.error:
        raise LocalError(f"{name} failed: {answer.json().get('errorMessage')}")
    if name == STEPS[-1]:
        clean_up(info.client("secretsmanager"), secret, version)


def clean_up(client: Any, secret: str, version: str) -> None:
    """Take the label of a rotation away that has ended: Secrets Manager does so itself, and the emulated one does not.

    Source: github.com/aws-samples/aws-secrets-manager-rotation-lambdas/pull/145.
    """
    if "AWSPENDING" in client.describe_secret(SecretId=secret)["VersionIdsToStages"][version]:
        client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=version)


def secret_arn(info: StackInfo, service: str) -> str:
    """Return the ARN of a service's secret. Raises LocalError when there is no such service."""
    if service not in SERVICES:
        raise LocalError(f"there is no service {service}: choose {', '.join(SERVICES)}")
    name = info.resources[f"{service.capitalize()}Secret"]
    return str(info.client("secretsmanager").describe_secret(SecretId=name)["ARN"])
