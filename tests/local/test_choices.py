"""template.yaml deploys, with the stacks that it nests, for each choice that changes what is made."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from local.deployment import custom_resources
from local.template import translate
from tests.cloud import REGION, Cloud
from tests.stacks import FOLDER, deploy, outputs, resources, stack
from tests.template import FILE

NESTED = ("Network", "Databases", "Proxies")
PLACES = {"Orders": "CreateOrderFunction", "Users": "GetMeFunction"}
"""Functions that reach PostgreSQL, always and with users there."""


def deployed(aws: Cloud, **parameters: str) -> str:
    """Deploy the template without what only a running function could complete; return the stack's name.

    Alarms are left out, too: MiniStack takes no metric math, and test_stacks_beside.py deploys them without it. The
    emulated Lambda forgets where functions are, so that outputs tell their subnets.
    """
    template = translate(FILE, parameters, REGION)
    custom_resources(template)
    del template["Resources"]["Observe"], template["Outputs"]["DashboardUrl"]
    template["Resources"]["Containers"]["Properties"]["Parameters"]["AlarmTopicArn"] = ""
    for name, function in PLACES.items():
        condition, place, otherwise = template["Resources"][function]["Properties"]["VpcConfig"]["Fn::If"]
        assert otherwise == {"Ref": "AWS::NoValue"}
        joined = {"Fn::Join": [",", place["SubnetIds"]]}
        template["Outputs"][f"{name}Place"] = {"Value": {"Fn::If": [condition, joined, "nowhere"]}}
    return deploy(aws, template, FILE.parent, **parameters)


@pytest.fixture(scope="module")
def own_network(aws: Cloud) -> dict[str, str]:
    """Return the choice of a network that exists."""
    found = outputs(aws, deploy(aws, stack("network"), FOLDER, Stage="dev"))
    return {
        "VpcId": found["VpcId"],
        "VpcSubnetIds": found["PrivateSubnetIds"],
        "VpcSecurityGroupIds": f"{found['FunctionSecurityGroupId']},sg-1",
    }


@pytest.fixture(scope="module")
def existing(aws: Cloud) -> dict[str, str]:
    """Return the choice of a database that exists."""
    value = json.dumps({"host": "db.example", "port": 5432, "username": "owner", "password": "long-enough"})
    arn = aws.client("secretsmanager").create_secret(Name="existing", SecretString=value)["ARN"]
    return {"Database": "existing", "DatabaseSecretArn": arn}


@pytest.mark.parametrize(
    ("choices", "nested", "some"),
    [
        pytest.param({}, "Network Databases", ["Network/SqsEndpoint", "Databases/ProductServer/Cluster"], id="dev"),
        pytest.param(
            {"Stage": "prod"},
            "Network Databases",
            ["Network/NatGatewayA", "Databases/ProductServer/ClusterStandby"],
            id="prod",
        ),
        pytest.param(
            {"Database": "instance", "UserStore": "postgres"},
            "Network Databases",
            ["Network/CognitoEndpoint", "Databases/ProductServer/Instance"],
            id="an instance, with users",
        ),
        pytest.param(
            {"Stage": "prod", "DatabaseServers": "three", "DatabaseProxy": "yes", "NatGateways": "per-zone"},
            "Network Databases Proxies",
            ["Network/NatGatewayC", "Databases/UserServer/Cluster", "Proxies/UserProxy"],
            id="a server each behind proxies",
        ),
    ],
)
def test_a_new_database_is_made_where_it_is_wanted(
    aws: Cloud, choices: dict[str, str], nested: str, some: list[str]
) -> None:
    name = deployed(aws, **choices)

    found, told = resources(aws, name), outputs(aws, name)
    assert {one for one in found if one in NESTED} == set(nested.split())
    assert set(some) <= set(found)
    assert told["OrdersPlace"] == told["SubnetIds"] == outputs(aws, found["Network"])["PrivateSubnetIds"]
    assert told["UsersPlace"] == (told["SubnetIds"] if choices.get("UserStore") == "postgres" else "nowhere")


def test_a_new_database_is_made_in_a_network_that_exists(aws: Cloud, own_network: dict[str, str]) -> None:
    name = deployed(aws, DatabaseProxy="yes", **own_network)

    assert {one for one in resources(aws, name) if one in NESTED} == {"Databases", "Proxies"}
    assert outputs(aws, name)["OrdersPlace"] == own_network["VpcSubnetIds"]


def test_services_sign_in_as_themselves_at_the_server_and_connect_through_the_proxy(aws: Cloud) -> None:
    name = deployed(aws, DatabaseServers="three", DatabaseProxy="yes")

    variables = variables_of(aws, resources(aws, name)["CreateOrderFunction"])
    secret = json.loads(
        aws.client("secretsmanager").get_secret_value(SecretId=variables["INVENTORY_SECRET_ARN"])["SecretString"]
    )
    clusters = aws.client("rds").describe_db_clusters()["DBClusters"]
    assert secret["username"] == "inventory_service"
    assert secret["host"] in {one["Endpoint"] for one in clusters}
    assert variables["INVENTORY_PROXY_HOST"] == outputs(aws, name)["InventoryDatabaseEndpoint"] != secret["host"]


def test_containers_run_in_a_network_that_exists(
    aws: Cloud, existing: dict[str, str], own_network: dict[str, str]
) -> None:
    images = {"ServiceImage": IMAGE, "ProxyImage": IMAGE, "UserStore": "postgres"}

    name = deployed(aws, **existing, **own_network, **images, VpcCidr="10.0.0.0/16")

    found = resources(aws, name)
    (service,) = aws.client("ecs").describe_services(
        cluster=found["Containers/Cluster"], services=[found["Containers/ProductService"]]
    )["services"]
    place = service["networkConfiguration"]["awsvpcConfiguration"]
    assert place["subnets"] == own_network["VpcSubnetIds"].split(",")
    assert place["securityGroups"] == [
        found["Containers/ProxySecurityGroup"],
        *own_network["VpcSecurityGroupIds"].split(","),
    ]


@pytest.mark.parametrize("public", [True, False])
def test_an_existing_database_needs_nothing_new(
    aws: Cloud, existing: dict[str, str], own_network: dict[str, str], *, public: bool
) -> None:
    network = {} if public else {name: value for name, value in own_network.items() if name != "VpcId"}

    name = deployed(aws, **existing, **network)

    found = resources(aws, name)
    assert not [one for one in NESTED if one in found]
    assert variables_of(aws, found["CreateOrderFunction"])["INVENTORY_PROXY_HOST"] == ""
    assert outputs(aws, name)["OrdersPlace"] == ("nowhere" if public else own_network["VpcSubnetIds"])


def test_what_a_version_is_described_by_fits_into_256_characters(aws: Cloud, existing: dict[str, str]) -> None:
    """More Lambda does not take ("PublishVersion"); here with ids as long as AWS's."""
    name = deployed(
        aws,
        **existing,
        VpcSubnetIds=",".join(f"subnet-0123456789abcdef{n}" for n in range(6)),
        VpcSecurityGroupIds=",".join(f"sg-0123456789abcdef{n}" for n in range(2)),
        OriginSecretArn="arn:aws:secretsmanager:eu-west-1:1:secret:OriginSecret-AbCdEfGhIjKl-a1B2c3",
        CallsPerMinute="1000",
        DatabaseSslMode="verify-full",
    )

    settings = variables_of(aws, resources(aws, name)["CreateOrderFunction"])["SETTINGS"]
    assert "0123456789abcdef5" in settings
    assert len(settings) <= 256


ARN = "arn:aws:secretsmanager:eu-west-1:1:secret:owner"
IMAGE = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/tradepost:1"
CONTAINERS = {"ServiceImage": IMAGE, "ProxyImage": IMAGE, "UserStore": "postgres", "NatGateways": "one"}
OWN = {"VpcId": "vpc-0a1b", "VpcSubnetIds": "subnet-1", "VpcSecurityGroupIds": "sg-1"}


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ({"Database": "existing"}, "needs DatabaseSecretArn"),
        ({"VpcId": "vpc-0a1b"}, "VpcId needs"),
        ({"VpcSubnetIds": "subnet-1", "VpcSecurityGroupIds": "sg-1"}, "needs VpcId"),
        ({"Database": "existing", "DatabaseSecretArn": ARN, "VpcSubnetIds": "subnet-1"}, "need VpcSecurityGroupIds"),
        ({"Database": "existing", "DatabaseSecretArn": ARN, "DatabaseProxy": "yes"}, "for a new database"),
        ({"Database": "existing", "DatabaseSecretArn": ARN, "DatabaseServers": "three"}, "for a new database"),
        ({**CONTAINERS, "ProxyImage": ""}, "given together"),
        ({**CONTAINERS, "ServiceImage": ""}, "given together"),
        ({**CONTAINERS, "UserStore": "dynamodb"}, "need UserStore=postgres"),
        ({**CONTAINERS, "Stage": "local"}, "not for Stage=local"),
        ({**CONTAINERS, "NatGateways": "default"}, "need VpcId, or a new network with NAT"),
        ({**CONTAINERS, "NatGateways": "none", "Stage": "prod"}, "need VpcId, or a new network with NAT"),
        ({**CONTAINERS, "Database": "existing", "DatabaseSecretArn": ARN}, "need VpcId, or a new network with NAT"),
        ({**CONTAINERS, **OWN}, "need VpcCidr"),
        ({**CONTAINERS, "CloudFrontPrefixListId": "pl-4fa04526"}, "needs CertificateArn"),
        ({**CONTAINERS, **OWN, "VpcCidr": "10.0.0.0/16", "LoadBalancerScheme": "internet-facing"}, "for a new network"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(aws: Cloud, choices: dict[str, str], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        deployed(aws, **choices)


def variables_of(aws: Cloud, function: str) -> dict[str, str]:
    """Return a function's variables."""
    found: dict[str, str] = aws.client("lambda").get_function_configuration(FunctionName=function)["Environment"][
        "Variables"
    ]
    return found
