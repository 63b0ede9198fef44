"""The network and the databases, deployed to an emulated AWS with each choice that changes what is made.

What it cannot show: MiniStack's CloudFormation knows no NAT gateways, flow logs, proxies and single rules of security
groups (tests/more_types.py stands in), resolves no secrets in nested stacks, and starts no PostgreSQL.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.stacks import FOLDER, deploy, described, outputs, resources, stack

NETWORK = {"Stage": "dev"}
SERVICES = ("Product", "Inventory", "User")


@pytest.fixture(scope="module")
def place(aws: Cloud) -> dict[str, str]:
    """Return where databases are put: the parameters that a network's outputs answer."""
    network = outputs(aws, deploy(aws, stack("network"), FOLDER, **NETWORK))
    return {
        "VpcId": network["VpcId"],
        "SubnetIds": network["IntraSubnetIds"],
        "FunctionSecurityGroupId": network["FunctionSecurityGroupId"],
    }


def endpoints(aws: Cloud, vpc: str) -> dict[str, int]:
    """Return in how many subnets each endpoint of a network is; gateways are in none."""
    found = aws.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return {one["ServiceName"].split(".")[-1]: len(one.get("SubnetIds", [])) for one in found if one["VpcId"] == vpc}


GATEWAYS = {"dynamodb": 0, "s3": 0}
CALLED = ("secretsmanager", "sqs", "kinesis-streams")


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"Stage": "dev"}, GATEWAYS | dict.fromkeys(CALLED, 1)),
        ({"Stage": "prod"}, GATEWAYS | dict.fromkeys(CALLED, 3)),
        ({"Stage": "dev", "Cognito": "yes"}, GATEWAYS | dict.fromkeys([*CALLED, "cognito-idp"], 1)),
        ({"Stage": "prod", "NatGateways": "one", "Cognito": "yes"}, GATEWAYS),
        ({"Stage": "prod", "NatGateways": "per-zone"}, GATEWAYS),
    ],
)
def test_endpoints_that_cost_are_made_only_where_there_is_no_nat(
    aws: Cloud, choices: dict[str, str], expected: dict[str, int]
) -> None:
    name = deploy(aws, stack("network"), FOLDER, **choices)

    assert endpoints(aws, outputs(aws, name)["VpcId"]) == expected


@pytest.mark.parametrize(("choice", "expected"), [("none", ""), ("one", "A"), ("per-zone", "ABC")])
def test_nat_gateways_are_made_as_asked(aws: Cloud, choice: str, expected: str) -> None:
    name = deploy(aws, stack("network"), FOLDER, Stage="prod", NatGateways=choice)

    found = resources(aws, name)
    assert {one for one in found if one.startswith("NatGateway")} == {f"NatGateway{zone}" for zone in expected}
    assert ("InternetGateway" in found) == bool(expected)


def test_each_kind_of_subnet_is_in_three_zones_and_no_two_overlap(aws: Cloud) -> None:
    found = outputs(aws, deploy(aws, stack("network"), FOLDER, **NETWORK))

    ids = [found[f"{kind}SubnetIds"].split(",") for kind in ("Public", "Private", "Intra")]
    subnets = {one["SubnetId"]: one for one in aws.client("ec2").describe_subnets()["Subnets"]}
    assert [len({subnets[each]["AvailabilityZone"] for each in kind}) for kind in ids] == [3, 3, 3]
    assert len({subnets[each]["CidrBlock"] for kind in ids for each in kind}) == 9


@pytest.mark.parametrize("engine", ["aurora", "instance"])
@pytest.mark.parametrize("servers", ["one", "three"])
def test_each_server_has_an_owner_of_its_own(aws: Cloud, place: dict[str, str], engine: str, servers: str) -> None:
    name = deploy(aws, stack("database"), FOLDER, Stage="dev", Engine=engine, Servers=servers, **place)

    found = outputs(aws, name)
    masters = {service: secret(aws, found[f"{service}MasterSecretArn"]) for service in SERVICES}
    number = 3 if servers == "three" else 1
    assert {each["username"] for each in masters.values()} == {"tradepost"}
    assert {service: each["host"] for service, each in masters.items()} == {
        one: found[f"{one}Host"] for one in SERVICES
    }
    for each in ("host", "password"):
        assert len({one[each] for one in masters.values()}) == number
    assert len({found[f"{service}ServerId"] for service in SERVICES}) == number


def secret(aws: Cloud, arn: str) -> dict[str, Any]:
    """Return a secret by its ARN, which is what policies need."""
    assert re.match("arn:aws:secretsmanager:", arn)
    found: dict[str, Any] = json.loads(aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    return found


def test_aurora_pauses_in_dev_and_stands_by_in_prod(aws: Cloud, place: dict[str, str]) -> None:
    """MiniStack keeps no SecondsUntilAutoPause; a least capacity of zero is what pauses."""
    stages = ("dev", "prod")
    names = {one: deploy(aws, stack("database"), FOLDER, Stage=one, Engine="aurora", **place) for one in stages}

    clusters = {stage: cluster(aws, name) for stage, name in names.items()}
    least = {stage: each["ServerlessV2ScalingConfiguration"]["MinCapacity"] for stage, each in clusters.items()}
    assert least == {"dev": 0, "prod": 1}
    assert {stage: len(each["DBClusterMembers"]) for stage, each in clusters.items()} == {"dev": 1, "prod": 2}
    assert {stage: each["DeletionProtection"] for stage, each in clusters.items()} == {"dev": False, "prod": True}
    assert {stage: each["BackupRetentionPeriod"] for stage, each in clusters.items()} == {"dev": 1, "prod": 14}
    assert all(each["StorageEncrypted"] for each in clusters.values())


def cluster(aws: Cloud, name: str) -> dict[str, Any]:
    """Return the one cluster of a stack."""
    (id_,) = (one for path, one in resources(aws, name).items() if path.endswith("/Cluster"))
    found: dict[str, Any] = aws.client("rds").describe_db_clusters(DBClusterIdentifier=id_)["DBClusters"][0]
    return found


def test_an_instance_is_in_two_zones_in_prod_alone(aws: Cloud, place: dict[str, str]) -> None:
    for stage, prod in (("dev", False), ("prod", True)):
        name = deploy(aws, stack("database"), FOLDER, Stage=stage, Engine="instance", **place)

        found = aws.client("rds").describe_db_instances(
            DBInstanceIdentifier=resources(aws, name)["ProductServer/Instance"]
        )["DBInstances"][0]
        assert [found[one] for one in ("MultiAZ", "DeletionProtection", "PerformanceInsightsEnabled")] == [prod] * 3
        assert found["StorageEncrypted"]
        assert not found["PubliclyAccessible"]


@pytest.mark.parametrize("servers", ["one", "three"])
def test_credentials_that_exist_already_are_left_as_they_are(aws: Cloud, place: dict[str, str], servers: str) -> None:
    given = json.dumps({"username": "shop", "password": "given-and-long-enough"})
    arn = aws.client("secretsmanager").create_secret(Name=f"given-{servers}", SecretString=given)["ARN"]

    name = deploy(
        aws, stack("database"), FOLDER, Stage="dev", Engine="aurora", Servers=servers, MasterSecretArn=arn, **place
    )

    found = outputs(aws, name)
    assert {found[f"{service}MasterSecretArn"] for service in SERVICES} == {arn}
    assert secret(aws, arn) == json.loads(given)
    assert not any(path.endswith("/MasterSecret") for path in resources(aws, name))


@pytest.mark.parametrize("engine", ["aurora", "instance"])
@pytest.mark.parametrize(("servers", "proxies"), [("one", 1), ("three", 3)])
def test_each_server_has_a_proxy_when_asked(
    aws: Cloud, place: dict[str, str], engine: str, servers: str, proxies: int
) -> None:
    database = outputs(
        aws, deploy(aws, stack("database"), FOLDER, Stage="dev", Engine=engine, Servers=servers, **place)
    )
    given = {f"{service}ServerId": database[f"{service}ServerId"] for service in SERVICES}
    given |= {f"{service}SecretArn": f"arn:aws:secretsmanager:::secret:{service}" for service in SERVICES}
    given |= {"DatabaseSecurityGroupId": database["SecurityGroupId"], "Engine": engine, "Servers": servers}

    name = deploy(aws, stack("proxy"), FOLDER, **given, **place)

    hosts = {outputs(aws, name)[f"{service}Host"] for service in SERVICES}
    roles = [one for path, one in resources(aws, name).items() if path.endswith("Role")]
    read = [one for role in roles for one in secrets_of(aws, role)]
    assert len(hosts) == len(roles) == proxies
    assert sorted(read) == sorted(given[f"{service}SecretArn"] for service in SERVICES)


def secrets_of(aws: Cloud, role: str) -> list[str]:
    """Return the secrets that a role may read."""
    policy = aws.client("iam").get_role_policy(RoleName=role, PolicyName="ReadSecrets")["PolicyDocument"]
    found: list[str] = policy["Statement"][0]["Resource"]
    return found


def test_a_deleted_network_leaves_nothing(aws: Cloud) -> None:
    name = deploy(aws, stack("network"), FOLDER, Stage="prod", NatGateways="per-zone")
    vpc, id_ = outputs(aws, name)["VpcId"], described(aws, name)["StackId"]

    aws.client("cloudformation").delete_stack(StackName=name)
    aws.client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=id_, WaiterConfig={"Delay": 1})

    assert vpc not in {one["VpcId"] for one in aws.client("ec2").describe_vpcs()["Vpcs"]}
