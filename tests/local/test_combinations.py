"""template.yaml as it is, with its nested stacks, deploys for each choice of a parameter that changes what is made.

Another choice is another line below. tests/more_types.py says what the emulated AWS only pretends. A database and a
network that exist already are in test_choices.py, the stacks beside the template in test_stacks_beside.py. Conditions
that look into a mapping are false in MiniStack: the alarms of canaries are not made.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cfnlint.api import ManualArgs, lint

from local.template import translate
from tests.cloud import REGION, Cloud
from tests.stacks import CONTAINERS, deploy, resources
from tests.template import FILE, template

pytestmark = pytest.mark.timeout(300)

ACCOUNT = "000000000000"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0a1b2c3d"
IDENTITY = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/shop@shop.example"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:server-AbCdEf"


@pytest.fixture(scope="module")
def made(aws: Cloud) -> Callable[..., dict[str, str]]:
    """Deploy with some parameters; return the physical ids of what was made, by their paths of logical ids."""

    def run(**choices: str) -> dict[str, str]:
        return resources(aws, deploy(aws, translate(FILE, choices, REGION), FILE.parent, **choices))

    return run


@pytest.fixture(scope="module")
def by_default(made: Callable[..., dict[str, str]]) -> dict[str, str]:
    return made()


@pytest.mark.parametrize(
    ("choices", "more", "less"),
    [
        ({"Stage": "prod"}, "Network/NatGatewayA CreateOrderFunctionDeploymentGroup", ""),
        ({"Rollout": "canary"}, "CreateOrderFunctionDeploymentGroup", ""),
        ({"Database": "instance"}, "Databases/ProductServer/Instance", "Databases/ProductServer/Cluster"),
        ({"DatabaseServers": "three"}, "Databases/InventoryServer Databases/UserServer", ""),
        ({"DatabaseProxy": "yes"}, "Proxies", ""),
        ({"NatGateways": "per-zone"}, "Network/NatGatewayC", ""),
        ({"UserStore": "postgres"}, "Network/CognitoEndpoint", ""),
        ({"SnapStart": "on"}, "", ""),
        ({"Architecture": "arm64"}, "", ""),
        ({"StreamMode": "on-demand"}, "", ""),
        ({"Mfa": "optional", "ThreatProtection": "on", "MailIdentityArn": IDENTITY}, "", ""),
        ({"DomainName": "api.shop.example", "CertificateArn": CERTIFICATE}, "ApiDomain", ""),
        ({"LogRetention": "30", "LogKeyArn": KEY}, "", ""),
        ({"OriginSecretArn": SECRET}, "OriginSecretPolicy", ""),
        (CONTAINERS, "Containers/ProductService Containers/HttpListener", ""),
        (
            {
                **CONTAINERS,
                "LoadBalancerScheme": "internet-facing",
                "CertificateArn": CERTIFICATE,
                "AlarmEmail": "ops@shop.example",
            },
            "Containers/HttpsListener Containers/CallersByHttp Observe/AlarmTopic",
            "",
        ),
        (
            {**CONTAINERS, "CertificateArn": CERTIFICATE, "CloudFrontPrefixListId": "pl-4fa04526"},
            "Containers/CallersByHttps",
            "",
        ),
        ({"CorsOrigins": "https://shop.example", "EventSources": "disabled"}, "", ""),
    ],
    ids=lambda value: (
        " ".join(f"{one}={value[one].partition(':')[0]}" for one in value) if isinstance(value, dict) else ""
    ),
)
def test_each_choice_deploys_and_makes_what_it_says(
    made: Callable[..., dict[str, str]], by_default: dict[str, str], choices: dict[str, str], more: str, less: str
) -> None:
    found = made(**choices)

    assert set(more.split()) <= found.keys() - by_default.keys()
    assert set(less.split()) <= by_default.keys() - found.keys()


def test_every_parameter_with_named_values_is_tried_with_another_than_its_default() -> None:
    """A new parameter that changes what is made joins the list above."""
    mark = next(one for one in test_each_choice_deploys_and_makes_what_it_says.pytestmark if one.name == "parametrize")
    tried = {name for choices, _, _ in mark.args[1] for name in choices}
    named = {name for name, one in template()["Parameters"].items() if "AllowedValues" in one}

    assert named - tried <= {"DatabaseSslMode"}, "it is a variable of functions alone"


def test_functions_and_stream_are_as_chosen(aws: Cloud, made: Callable[..., dict[str, str]]) -> None:
    found = made(SnapStart="on", Architecture="arm64", StreamMode="on-demand")

    function = aws.client("lambda").get_function_configuration(FunctionName=found["CreateOrderFunction"])
    stream = aws.client("kinesis").describe_stream_summary(StreamName=found["Stream"])["StreamDescriptionSummary"]
    assert function["SnapStart"]["ApplyOn"] == "PublishedVersions"
    assert function["Architectures"] == ["arm64"]
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}


def test_what_the_transform_adds_for_canaries_is_as_cloudformation_wants_it() -> None:
    """`make lint` sees the template as it is by default; this is the one choice that the transform itself reads."""
    found = lint(json.dumps(translate(FILE, {"Rollout": "canary"}, REGION)), config=ManualArgs(regions=[REGION]))

    # Alarms, and who uses them, come by two conditions of the same outcome, which cfn-lint cannot see.
    assert [one for one in found if one.rule.id != "W1001"] == []
