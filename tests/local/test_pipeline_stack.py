"""stacks/pipeline.yaml is created by CloudFormation, and builds are told what their commands ask for.

MiniStack knows no CodePipeline: tests/more_types.py stands in.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import buildspec
from tests.cloud import Cloud
from tests.stacks import FOLDER, deploy, outputs, resources, stack

GIVEN = {
    "ConnectionArn": "arn:aws:codeconnections:eu-west-1:000000000000:connection/any",
    "Repository": "owner/shop",
    "ApprovalEmail": "ops@example.com",
}


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


def keys(aws: Cloud, role: str) -> tuple[str, ...]:
    """Return the keys of a role, which trusts us for the purpose."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    aws.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=document)
    arn = aws.client("iam").get_role(RoleName=role)["Role"]["Arn"]
    given = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


def test_a_build_writes_packages_by_tls_and_a_smoke_test_nothing(aws: Cloud, name: str) -> None:
    """MiniStack speaks no TLS: once its bucket no longer asks for that, roles alone decide."""
    made, bucket, s3 = resources(aws, name), outputs(aws, name)["ArtifactsBucket"], aws.client("s3")
    build, smoke = (aws.client("s3", keys(aws, made[role])) for role in ("BuildRole", "SmokeRole"))
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        build.put_object(Bucket=bucket, Key="packages/any", Body=b"any")
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)

    build.put_object(Bucket=bucket, Key="packages/any", Body=b"any")

    assert smoke.get_object(Bucket=bucket, Key="packages/any")["Body"].read() == b"any"
    with pytest.raises(ClientError, match="AccessDenied"):
        smoke.put_object(Bucket=bucket, Key="packages/any", Body=b"other")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_a_build_knows_no_images_but_the_three(aws: Cloud, name: str) -> None:
    for repository in ("tradepost/proxy", "others/proxy"):
        aws.client("ecr").create_repository(repositoryName=repository)
    ecr = aws.client("ecr", keys(aws, resources(aws, name)["BuildRole"]))

    ecr.batch_get_image(repositoryName="tradepost/proxy", imageIds=[{"imageTag": "any"}])
    with pytest.raises(ClientError, match="AccessDenied"):
        ecr.batch_get_image(repositoryName="others/proxy", imageIds=[{"imageTag": "any"}])
