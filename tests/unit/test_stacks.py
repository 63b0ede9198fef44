"""What the network and the databases promise in every deployment, whatever is chosen."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import pytest

from adapters.postgres.database import TRUSTED_FOR
from tests.stacks import FOLDER, of_type, stack
from tests.template import functions
from tests.template import of_type as in_root

NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
SERVICES = ("dynamodb", "secretsmanager", "sqs", "kinesis")
"""Those whose endpoints have a policy that says what functions do."""


def actions(function: dict[str, Any]) -> set[str]:
    """Return what a function's role allows where it is in the network: users are in PostgreSQL, or no matter to it."""
    found = [one for policy in function.get("Policies", []) for one in policy["Statement"]]
    each = [one["Fn::If"][1] if "Fn::If" in one else one for one in found]
    return {action.rstrip("*") for one in each for action in one["Action"]}


def let_through(*, to_containers: bool = False) -> list[dict[str, Any]]:
    """Return the statements of the endpoints' policies: those that always stand there, or those for containers."""
    endpoints = of_type("network", "AWS::EC2::VPCEndpoint").values()
    found = [each for one in endpoints for each in one.get("PolicyDocument", {"Statement": []})["Statement"]]
    if not to_containers:
        return [one for one in found if "Fn::If" not in one]
    conditional = [one["Fn::If"] for one in found if "Fn::If" in one]
    assert {condition for condition, _, _ in conditional} == {"RunsContainers"}
    return [one for _, one, _ in conditional]


def test_endpoints_let_through_what_functions_in_the_network_do_and_nothing_else() -> None:
    inside = set(chain.from_iterable(actions(one) for one in functions().values() if "VpcConfig" in one))
    through = set(chain.from_iterable(one["Action"] for one in let_through()))

    assert {one for one in inside if one.startswith(SERVICES)} == through - {"s3:PutObject"}
    assert {one.split(":")[0] for one in inside} == {*SERVICES, "cognito-idp"}


def test_gateways_let_through_what_containers_do_and_nothing_else() -> None:
    """Containers need a NAT gateway, beside which there are no other endpoints; ECR's layers come from S3."""
    roles = [one for name, one in of_type("containers", "AWS::IAM::Role").items() if "Execution" not in name]
    statements = [each for one in roles for each in one["Policies"][0]["PolicyDocument"]["Statement"]]
    tables = {each for one in statements for each in one.get("Action", []) if each.startswith("dynamodb:")}
    through = set(chain.from_iterable(one["Action"] for one in [*let_through(), *let_through(to_containers=True)]))

    assert {one for one in through if one.startswith("dynamodb:")} == tables
    assert {one for one in through if one.startswith("s3:")} == {"s3:PutObject", "s3:GetObject"}


def test_endpoints_lead_to_this_accounts_own_to_where_custom_resources_answer_and_to_ecrs_layers() -> None:
    buckets = ("cloudformation-custom-resource-response", "prod-${AWS::Region}-starport-layer-bucket")
    for statement in [*let_through(), *let_through(to_containers=True)]:
        where = str(statement["Resource"])
        assert "${AWS::AccountId}" in where or any(one in where for one in buckets)


def test_exactly_the_functions_that_reach_postgres_are_in_the_network() -> None:
    reach = {name for name, one in functions().items() if re.search("DATABASE_SSLMODE", str(one.get("Environment")))}

    assert {name for name, one in functions().items() if "VpcConfig" in one} == reach


def test_functions_in_a_network_are_all_in_the_same() -> None:
    """In the one that the template makes, where it makes one."""
    networks = {str(one["VpcConfig"]["Fn::If"][1]) for one in functions().values() if "VpcConfig" in one}

    assert len(networks) == 1
    assert "MakesNetwork" in networks.pop()


@pytest.mark.parametrize("name", NAMES)
def test_who_may_come_in_is_named_by_security_group_but_for_callers_of_the_load_balancer(name: str) -> None:
    groups = of_type(name, "AWS::EC2::SecurityGroup").values()
    rules = [rule for one in groups for rule in one.get("SecurityGroupIngress", [])]

    for rule in [*rules, *of_type(name, "AWS::EC2::SecurityGroupIngress").values()]:
        if rule.get("GroupId") == {"Ref": "LoadBalancerSecurityGroup"}:
            assert rule["FromPort"] == rule["ToPort"] in (80, 443)
            continue
        assert "SourceSecurityGroupId" in rule
        assert rule["FromPort"] == rule["ToPort"] in (443, 5432, 8080)


@pytest.mark.parametrize("name", NAMES)
def test_no_security_group_leads_everywhere_by_leaving_its_ways_out_unsaid(name: str) -> None:
    for logical, one in of_type(name, "AWS::EC2::SecurityGroup").items():
        ways = one["SecurityGroupEgress"]
        assert ways
        everywhere = {rule["ToPort"] for rule in ways if rule.get("CidrIp") == "0.0.0.0/0"}
        assert everywhere == ({443} if logical == "FunctionSecurityGroup" else set())


def test_servers_keep_their_data_and_speak_tls_alone() -> None:
    servers = of_type("server", "AWS::RDS::DBCluster") | of_type("server", "AWS::RDS::DBInstance")
    kept = {logical for logical, one in servers.items() if "MasterUsername" in one}
    parameters = of_type("server", "AWS::RDS::DBClusterParameterGroup") | of_type(
        "server", "AWS::RDS::DBParameterGroup"
    )

    assert kept == {"Cluster", "Instance"}
    for logical in kept:
        assert servers[logical]["StorageEncrypted"] is True
        assert stack("server")["Resources"][logical]["DeletionPolicy"] == "Snapshot"
        assert stack("server")["Resources"][logical]["UpdateReplacePolicy"] == "Snapshot"
    assert [one["Parameters"]["rds.force_ssl"] for one in parameters.values()] == ["1", "1"]
    assert all(one["RequireTLS"] is True for one in of_type("proxy", "AWS::RDS::DBProxy").values())
    assert not any(one.get("PubliclyAccessible") for one in servers.values())


def test_a_cluster_that_may_pause_ends_the_sessions_that_would_keep_it_awake() -> None:
    """A function that comes back asks whether its connection still lives, once it has been unused for TRUSTED_FOR."""
    scaling = of_type("server", "AWS::RDS::DBCluster")["Cluster"]["ServerlessV2ScalingConfiguration"]
    (parameters,) = (one["Parameters"] for one in of_type("server", "AWS::RDS::DBClusterParameterGroup").values())
    never, milliseconds = parameters["idle_session_timeout"]["Fn::If"][1:]

    assert scaling["SecondsUntilAutoPause"] == {"Fn::If": ["IsProd", never, 300]}
    assert TRUSTED_FOR * 1000 < int(milliseconds) < 300_000


def test_no_password_stands_in_a_stack() -> None:
    servers = of_type("server", "AWS::RDS::DBCluster") | of_type("server", "AWS::RDS::DBInstance")
    passwords = [one["MasterUserPassword"]["Fn::Sub"][0] for one in servers.values() if "MasterUserPassword" in one]

    assert passwords == ["{{resolve:secretsmanager:${Secret}:SecretString:password}}"] * 2
    for name in NAMES:
        assert all("SecretString" not in one for one in of_type(name, "AWS::SecretsManager::Secret").values())


def test_the_template_takes_the_stacks_of_its_own_folder() -> None:
    nested = {one["TemplateURL"] for one in in_root("AWS::CloudFormation::Stack").values()}

    assert nested <= {f"stacks/{name}.yaml" for name in NAMES}
