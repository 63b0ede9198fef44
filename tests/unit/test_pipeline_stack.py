"""stacks/pipeline.yaml: nothing reaches prod untested or unasked, and its roles may do what they need there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from local.template import translate
from tests import buildspec
from tests.privileges import catalogue
from tests.stacks import FOLDER, of_type, stack
from tests.template import FILE

RESOURCES: dict[str, Any] = stack("pipeline")["Resources"]
STAGES: list[dict[str, Any]] = RESOURCES["Pipeline"]["Properties"]["Stages"]
PROJECTS = of_type("pipeline", "AWS::CodeBuild::Project")
DEPLOYING = of_type("pipeline", "AWS::IAM::ManagedPolicy")
APART = {"edge", "images", "items", "pipeline"}
"""Stacks that template.yaml does not nest."""

NEVER_ASKED = {
    "apigateway:TagResource": "IAM knows tags of APIs by the verbs of HTTP",
    "apigateway:UntagResource": "as above",
    "application-autoscaling:*ScheduledAction": "services scale by load, not by the clock",
    "autoscaling:*": "no machines",
    "cloudwatch:GetMetricData": "services scale by AWS's own metrics",
    "docdb-elastic:*": "secrets are of PostgreSQL's",
    "dynamodb:*TableReplica": "tables are in one region",
    "dynamodb:*Item": "what is in a table is read where it is copied from elsewhere",
    "dynamodb:Query": "as above",
    "dynamodb:Scan": "as above",
    "ec2:AcceptAddressTransfer": "addresses are of this account",
    "ec2:DescribeIpamPools": "as above",
    "ec2:*VpnGateway": "no network of elsewhere is attached",
    "ecs:PutAccountSetting*": "settings of the account are not the stack's",
    "elasticfilesystem:*": "functions have no file systems",
    "elasticloadbalancing:ModifyCapacityReservation": "no capacity is reserved",
    "elasticloadbalancing:ModifyIpPools": "addresses are AWS's",
    "firehose:*": "logs go to CloudWatch alone",
    "iam:*GroupPolicy": "policies are attached to roles alone",
    "iam:*UserPolicy": "as above",
    "iam:ListRoles": "servers join no directory",
    "kinesis:PutRecords": "tables have no stream in Kinesis",
    "kms:Encrypt": "keys of one's own are for the database and for logs",
    "kms:ReEncrypt*": "as above",
    "kms:RevokeGrant": "as above",
    "logs:*LogStream*": "tables are not made from files",
    "logs:PutLogEvents": "as above",
    "rds:RemoveFromGlobalCluster": "clusters are in one region",
    "redshift*": "secrets are of PostgreSQL's",
    "s3:*BucketPolicy": "flow logs go to CloudWatch",
    "s3:GetObjectMetadata": "no action of IAM's",
    "s3:REST.PUT.OBJECT": "no action of IAM's",
    "s3:ListBucket": "tables are not made from files",
    "s3files:*": "functions have no file systems",
    "secretsmanager:*Region*": "secrets are in one region",
    "vpc-lattice:*": "endpoints are of AWS's services",
    "vpce:*": "endpoints are of this region",
}
"""What CloudFormation may need for resources of the template's types, and why it does not for ours."""


def actions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each action as stage and name."""
    for one in STAGES:
        for action in sorted(one["Actions"], key=lambda each: each.get("RunOrder", 1)):
            yield f"{one['Name']}.{action['Name']}", action


def test_prod_comes_after_tests_dev_a_smoke_test_and_an_approval() -> None:
    assert [name for name, _ in actions()] == [
        "Source.Source",
        "Build.Build",
        "Dev.Changes",
        "Dev.Deploy",
        "Dev.Smoke",
        "Prod.Changes",
        "Prod.Approve",
        "Prod.Keep",
        "Prod.Deploy",
    ]
    assert dict(actions())["Prod.Approve"]["Configuration"]["NotificationArn"] == {"Ref": "Approvals"}


def test_a_build_begins_with_every_test_which_has_no_credentials() -> None:
    first, *_ = buildspec.commands("delivery/build.yml")

    assert first.startswith("env -u AWS_CONTAINER_CREDENTIALS_RELATIVE_URI ")
    assert first.endswith(" make test")


def test_actions_of_a_stage_wait_for_each_other() -> None:
    for one in STAGES:
        orders = [action.get("RunOrder", 1) for action in one["Actions"]]
        assert orders == list(range(1, len(orders) + 1))


def test_dev_and_prod_are_deployed_from_the_same_build_with_what_samconfig_says_of_each() -> None:
    found = dict(actions())
    for name, file in (("Dev", "dev"), ("Prod", "prod")):
        said = found[f"{name}.Changes"]["Configuration"]
        assert said["TemplatePath"] == "Built::template.yaml"
        assert said["TemplateConfiguration"] == f"Built::{file}.json"
        assert said["RoleArn"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert found[f"{name}.Deploy"]["Configuration"]["StackName"] == said["StackName"] == {"Ref": f"{name}Stack"}
        tags = {one["Key"]: one["Value"] for one in RESOURCES[f"{name}Role"]["Properties"]["Tags"]}
        assert tags["Stack"] == {"Ref": f"{name}Stack"}


@pytest.mark.parametrize("project", sorted(PROJECTS))
def test_every_variable_of_a_build_is_set(project: str) -> None:
    given = {one["Name"] for one in PROJECTS[project]["Environment"].get("EnvironmentVariables", [])}
    for _, action in actions():
        if action["Configuration"].get("ProjectName") == {"Ref": project}:
            given |= {one["name"] for one in json.loads(action["Configuration"]["EnvironmentVariables"])}

    assert buildspec.variables(PROJECTS[project]["Source"]["BuildSpec"]) == given


def test_what_an_action_tells_another_is_told_before() -> None:
    told: set[str] = {"Outputs"}
    for name, action in actions():
        for namespace in ("Source", "Dev"):
            assert f"#{{{namespace}." not in json.dumps(action) or namespace in told, name
        told.add(action.get("Namespace", ""))
    assert "ApiUrl" in translate(FILE, {}, "us-east-1")["Outputs"]


def test_what_passes_through_the_pipeline_is_private_and_encrypted() -> None:
    bucket = RESOURCES["Artifacts"]["Properties"]
    (statement,) = RESOURCES["ArtifactsByTlsAlone"]["Properties"]["PolicyDocument"]["Statement"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["Status"] == "Enabled"
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] >= 365, "what prod goes back to is there"
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_pipeline_may_store_the_source_as_a_connection_does_with_an_acl() -> None:
    (policy,) = RESOURCES["PipelineRole"]["Properties"]["Policies"]
    (objects,) = (one for one in policy["PolicyDocument"]["Statement"] if "s3:PutObject" in one["Action"])

    assert objects["Resource"] == {"Fn::Sub": "${Artifacts.Arn}/*"}
    assert {"s3:PutObjectAcl", "s3:PutObjectTagging"} < set(objects["Action"])


def test_each_role_is_trusted_for_this_account_by_one_service() -> None:
    for one in of_type("pipeline", "AWS::IAM::Role").values():
        (statement,) = one["AssumeRolePolicyDocument"]["Statement"]
        assert isinstance(statement["Principal"]["Service"], str)
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def statements(effect: str) -> list[dict[str, Any]]:
    """Return what the roles of deployments are allowed, or denied."""
    found = [one for policy in DEPLOYING.values() for one in policy["PolicyDocument"]["Statement"]]
    return [one for one in found if one["Effect"] == effect]


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def needed() -> frozenset[str]:
    """Return the actions that CloudFormation's handlers of every type in prod's template ask for."""
    names = sorted(file.stem for file in FOLDER.glob("*.yaml") if file.stem not in APART)
    prod = translate(FILE, {"Stage": "prod"}, "us-east-1")
    types = {one["Type"] for each in (prod, *map(stack, names)) for one in each["Resources"].values()}
    schemas = [
        PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        for kind in types
        if not kind.startswith("Custom::")
    ]
    asked = {
        permission
        for schema in schemas
        for step, handler in schema.get("handlers", {}).items()
        if step != "list"
        for permission in handler["permissions"]
    }
    return frozenset(f"{service.lower()}:{action}" for service, _, action in (one.partition(":") for one in asked))


def may(action: str) -> bool:
    """Say whether deployments may do something, on a resource where there are some, else on *."""
    on_some = catalogue.exists(action) and catalogue.has_resources(action)
    return any(
        fnmatchcase(action.lower(), pattern.lower()) and (on_some or "*" in several(one["Resource"]))
        for one in statements("Allow")
        for pattern in several(one["Action"])
    )


def test_deployments_may_do_what_cloudformation_needs_for_every_type_of_the_template() -> None:
    """As CloudFormation's own registry says of its handlers, in the form in which cfn-lint ships it."""
    unlike_ours = {one for one in needed() if any(fnmatchcase(one, each) for each in NEVER_ASKED)}

    assert len(needed()) > 250
    assert {one for one in needed() - unlike_ours if not may(one)} == set()


def test_what_is_never_asked_for_would_be_denied() -> None:
    assert [one for one in NEVER_ASKED if not any(fnmatchcase(each, one) and not may(each) for each in needed())] == []


@pytest.mark.parametrize("action", ["dynamodb:GetItem", "dynamodb:Scan", "sqs:ReceiveMessage", "kinesis:PutRecord"])
def test_deployments_read_and_write_no_data(action: str) -> None:
    assert catalogue.exists(action)
    assert not may(action)


def test_deployments_make_roles_of_their_stacks_name_alone_and_leave_the_pipelines_alone() -> None:
    name = "role/${!aws:PrincipalTag/Stack}-*"
    writing = [one for one in statements("Allow") if several(one["Action"])[0].startswith("iam:")]
    pipelines, attached = statements("Deny")

    for one in writing:
        (where,) = (each["Fn::Sub"].rpartition("::${AWS::AccountId}:")[2] for each in several(one["Resource"]))
        assert where in {name, name.replace("role/", "policy/"), "role/aws-service-role/*"}
    assert set(pipelines["Action"]) == {"iam:*", "cloudformation:*", "sns:*", "logs:*"}
    assert all("${AWS::StackName}" in one["Fn::Sub"] for one in pipelines["Resource"])
    assert attached["Action"] == "iam:AttachRolePolicy"
    assert not [one for one in attached["Condition"]["ArnNotLike"]["iam:PolicyARN"] if "Administrator" in str(one)]


@pytest.mark.parametrize("name", sorted(DEPLOYING))
def test_a_policy_is_as_short_as_iam_asks(name: str) -> None:
    """6,144 characters without white space, with the values that AWS puts in place."""
    text = json.dumps(DEPLOYING[name]["PolicyDocument"], separators=(",", ":"))
    plain = text.replace('{"Fn::Sub":"', '"').replace('"}', '"').replace("${!", "${")
    for parameter, value in {
        "${AWS::Partition}": "aws-us-gov",
        "${AWS::Region}": "ap-southeast-2",
        "${AWS::AccountId}": "0" * 12,
        "${AWS::StackName}": "s" * 30,
        "${Artifacts.Arn}": "a" * 80,
    }.items():
        plain = plain.replace(parameter, value)

    assert len(plain) <= 6144


def test_every_resource_that_takes_tags_has_them() -> None:
    taggable = ("Bucket", "LogGroup", "Role", "Project", "Topic", "Pipeline")
    for name, one in RESOURCES.items():
        if one["Type"].rpartition("::")[2] in taggable:
            tags = {each["Key"] for each in one["Properties"]["Tags"]}
            assert tags >= {"Project", "Stage", "Service"}, name
