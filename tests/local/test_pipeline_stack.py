"""stacks/pipeline.yaml is created by CloudFormation, and builds are told what their commands ask for.

MiniStack knows no CodePipeline: tests/more_types.py stands in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import buildspec
from tests.cloud import Cloud
from tests.stacks import FOLDER, cloud, deploy, outputs, resources, stack

GIVEN = {
    "ConnectionArn": "arn:aws:codeconnections:eu-west-1:000000000000:connection/any",
    "Repository": "owner/shop",
    "ApprovalEmail": "ops@example.com",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("aws")) as started:
        yield started


@pytest.fixture(scope="module")
def name(aws: Cloud) -> str:
    return deploy(aws, stack("pipeline"), FOLDER, **GIVEN)


def roles_policy(aws: Cloud, role: str) -> Any:
    """Return the statements of the first of a role's own policies."""
    iam = aws.client("iam")
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    return (json.loads(document) if isinstance(document, str) else document)["Statement"]


def test_a_build_is_told_where_its_images_and_packages_go(aws: Cloud, name: str) -> None:
    made = resources(aws, name)
    (project,) = aws.client("codebuild").batch_get_projects(names=[made["Build"]])["projects"]
    given = {one["name"]: one["value"] for one in project["environment"]["environmentVariables"]}

    assert given.keys() == buildspec.variables(project["source"]["buildspec"]) - {"COMMIT"}
    assert given["PACKAGES"] == outputs(aws, name)["ArtifactsBucket"]
    assert given["REGISTRY"].startswith("000000000000.dkr.ecr.eu-west-1.")


def test_the_bucket_is_private_encrypted_and_versioned(aws: Cloud, name: str) -> None:
    s3, bucket = aws.client("s3"), outputs(aws, name)["ArtifactsBucket"]

    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Effect"] == "Deny"


def test_the_pipeline_gives_cloudformation_the_roles_of_dev_and_prod_and_no_other(aws: Cloud, name: str) -> None:
    made = resources(aws, name)
    passed = [one for one in roles_policy(aws, made["PipelineRole"]) if one["Action"] == "iam:PassRole"]

    (statement,) = passed
    assert {arn.rpartition("/")[2] for arn in statement["Resource"]} == {made["DevRole"], made["ProdRole"]}


def test_dev_and_prod_are_told_apart_by_their_roles(aws: Cloud, name: str) -> None:
    made, iam = resources(aws, name), aws.client("iam")
    tags = {
        role: {one["Key"]: one["Value"] for one in iam.list_role_tags(RoleName=made[role])["Tags"]}["Stack"]
        for role in ("DevRole", "ProdRole")
    }

    assert tags == {"DevRole": "tradepost-dev", "ProdRole": "tradepost"}
    for role in tags:
        attached = iam.list_attached_role_policies(RoleName=made[role])["AttachedPolicies"]
        assert len(attached) == 3
