"""stacks/images.yaml keeps what runs, says whose it is, and lets nobody change an image under its name."""

from __future__ import annotations

import json

import pytest

from tests.stacks import of_type, stack

REPOSITORIES = of_type("images", "AWS::ECR::Repository")
TAGS = [
    {"Key": "Project", "Value": "tradepost"},
    {"Key": "Stage", "Value": "all"},
    {"Key": "Service", "Value": "images"},
]


def test_there_is_a_repository_for_each_image() -> None:
    assert {one["RepositoryName"]["Fn::Sub"] for one in REPOSITORIES.values()} == {
        "${Name}/lambda",
        "${Name}/service",
        "${Name}/proxy",
    }


@pytest.mark.parametrize("name", sorted(REPOSITORIES))
def test_images_are_scanned_encrypted_and_never_changed(name: str) -> None:
    one = REPOSITORIES[name]

    assert one["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert one["ImageTagMutability"] == "IMMUTABLE"
    assert one["EncryptionConfiguration"] == {"EncryptionType": "KMS"}
    assert one["Tags"] == TAGS
    assert stack("images")["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize("name", sorted(REPOSITORIES))
def test_the_newest_images_and_the_newest_of_prod_are_kept_and_what_has_no_name_goes(name: str) -> None:
    text = REPOSITORIES[name]["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"].replace("${Kept}", "30")
    prods, nameless, old = sorted(json.loads(text)["rules"], key=lambda one: one["rulePriority"])

    assert prods["selection"] == {
        "tagStatus": "tagged",
        "tagPrefixList": ["prod-"],
        "countType": "imageCountMoreThan",
        "countNumber": 30,
    }
    assert nameless["selection"]["tagStatus"] == "untagged"
    assert old["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}
    assert {one["action"]["type"] for one in (prods, nameless, old)} == {"expire"}


def test_lambda_alone_fetches_without_a_role_and_for_this_accounts_functions() -> None:
    policies = {
        name: one["RepositoryPolicyText"] for name, one in REPOSITORIES.items() if "RepositoryPolicyText" in one
    }

    (statement,) = policies.pop("LambdaRepository")["Statement"]
    assert not policies
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert "${AWS::AccountId}" in statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
