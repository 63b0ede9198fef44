"""`sam deploy`, as people run it, of the template as it is into the emulated AWS; what was deployed then serves.

The tests build on each other in their order: created, served, deployed again, changed, failed, deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from local.state import StackInfo
from tests.e2e.running import START_SECONDS, Up, eventually, folder_for_all
from tests.e2e.sam import Sam, build
from tests.e2e.shop import Person, Shop

pytestmark = [pytest.mark.xdist_group("sam deploy"), pytest.mark.timeout(600)]

STACK = "tradepost-local"

Deploy = Callable[..., str]
"""Deploys, with parameters that are to change; returns what `sam` said, after checking how it ended."""


@pytest.fixture(scope="module")
def built() -> Iterator[Path]:
    with folder_for_all() as folder:
        yield build(folder / "build")


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """Stand ready for a deployment."""
    with folder_for_all() as folder:
        up = Up(folder, "--deployed", STACK, recorded=False)
        try:
            up.ready()
            yield up
            up.stop(START_SECONDS)  # thousands of files of unpacked packages
        finally:
            up.kill()


@pytest.fixture(scope="module")
def sam(up: Up) -> Iterator[Sam]:
    with folder_for_all() as folder:
        yield Sam(up.state.read(), folder)


@pytest.fixture(scope="module")
def parameters(up: Up) -> list[str]:
    """Return what a stack here is deployed with, as it was said to people."""
    (line,) = (line for line in up.said.splitlines() if "--parameter-overrides" in line)
    return line.split()[1:]


@pytest.fixture(scope="module")
def deploy(sam: Sam, built: Path, parameters: list[str]) -> Deploy:
    def run(*changed: str, code: int = 0) -> str:
        words = ["--stack-name", STACK, "--template", built, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
        names = {one.partition("=")[0] for one in changed}
        kept = [one for one in parameters if one.partition("=")[0] not in names]
        done = sam("deploy", *words, "--no-confirm-changeset", "--parameter-overrides", *kept, *changed)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def served(up: Up, number: int) -> Shop:
    """Wait until so many deployments have been taken up; return the shop as last deployed."""
    eventually(lambda: up.said.count(f"serving {STACK} as deployed") == number, why=lambda: (up.said, up.complaints))
    return Shop(up.state.read())


@pytest.fixture(scope="module")
def people(up: Up) -> dict[str, Person]:
    """Register a customer, and an admin who is made one as docs/deploy.md says.

    The emulated Cognito calls a function of ours from the package. Its first start may outlast who waits for it.
    """
    shop = served(up, 1)
    first = shop.newcomer()
    eventually(lambda: shop.register(first).status_code == 201)
    customer, admin = shop.customer(), shop.customer()
    shop.info.client("cognito-idp").admin_add_user_to_group(
        UserPoolId=shop.info.outputs["UserPoolId"], Username=admin.username, GroupName="admin"
    )
    return {"customer": customer, "admin": admin}


def sells(shop: Shop, people: dict[str, Person]) -> None:
    """Check that an order goes its whole way."""
    shop.admin = shop.signed_in(people["admin"].username, people["admin"].password)
    customer = shop.signed_in(people["customer"].username, people["customer"].password)
    sku = shop.product(stock=5)
    customer.sees(customer.ordered((sku, 2)), "FULFILLED")
    assert shop.stock(sku) == (3, 0)
    shop.settled()


def status(info: StackInfo) -> str:
    (stack,) = info.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return str(stack["StackStatus"])


def replaced(old: Shop, new: Shop) -> set[str]:
    """Return which resources are others than before."""
    return {name for name, id_ in new.info.resources.items() if old.info.resources.get(name) != id_}


def versions(shop: Shop) -> set[str]:
    """Return the published versions of functions."""
    return {name for name, id_ in shop.info.resources.items() if re.search(r":function:.+:\d+$", id_)}


def test_a_first_deployment_creates_the_stack_and_prints_its_outputs(up: Up, deploy: Deploy) -> None:
    before = up.state.read()
    assert requests.get(f"{before.url}/health", timeout=30).status_code == 404

    said = deploy()

    assert f"Successfully created/updated stack - {STACK}" in said
    shop = served(up, 1)
    assert shop.info.url == before.url
    table = re.sub(r"\s+", "", said)
    assert [name for name, value in shop.info.outputs.items() if f"Key{name}Description" not in table] == []
    assert [value for name, value in shop.info.outputs.items() if value not in table] == [shop.info.url]


def test_what_was_deployed_serves_an_order_from_its_own_package(up: Up, people: dict[str, Person]) -> None:
    shop = served(up, 1)
    sells(shop, people)
    packages = list((up.state.tmp / "packages").iterdir())
    assert all((package / "handlers" / "create_order.py").is_file() for package in packages)
    assert {(package / "psycopg" / "__init__.py").is_file() for package in packages} == {True, False}


def test_deploying_what_is_deployed_changes_nothing(up: Up, deploy: Deploy) -> None:
    said = deploy("--no-fail-on-empty-changeset")
    assert "No changes to deploy" in said
    assert status(up.state.read()) == "CREATE_COMPLETE"


def test_a_parameter_changes_what_it_is_for_and_the_shop_goes_on(
    up: Up, deploy: Deploy, people: dict[str, Person]
) -> None:
    old = served(up, 1)
    url = old.info.resources["ShippingQueue"]

    deploy("ShippingDelay=1", "CallsPerMinute=5999")

    shop = served(up, 2)
    assert status(shop.info) == "UPDATE_COMPLETE"
    assert replaced(old, shop) <= versions(shop)
    assert replaced(old, shop)
    found = shop.info.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    assert found["Attributes"] == {"DelaySeconds": "1"}
    sells(shop, people)


def test_a_change_that_fails_is_taken_back_and_the_shop_goes_on_as_it_was(
    up: Up, deploy: Deploy, people: dict[str, Person]
) -> None:
    """The databases cannot be brought up to date with this secret's password."""
    old = served(up, 2)
    wrong = json.dumps({**old.info.database, "password": "not-the-password"})
    arn = old.info.client("secretsmanager").create_secret(Name="tradepost/wrong", SecretString=wrong)["ARN"]

    said = deploy("ShippingDelay=1", f"DatabaseSecretArn={arn}", code=1)

    assert "DatabaseSchema" in said
    shop = served(up, 3)
    assert status(shop.info) == "UPDATE_ROLLBACK_COMPLETE"
    assert replaced(old, shop) <= versions(shop)
    sells(shop, people)


def test_deleting_the_stack_leaves_what_people_own(up: Up) -> None:
    """By CloudFormation itself: `sam delete` takes nested templates at Amazon's own addresses only."""
    info = up.state.read()

    info.client("cloudformation").delete_stack(StackName=STACK)

    eventually(lambda: f"{STACK} is gone" in up.said, why=lambda: up.said)
    assert requests.get(f"{info.url}/health", timeout=30).status_code == 404
    tables = info.client("dynamodb").list_tables()["TableNames"]
    assert sorted(tables) == sorted(info.resources[name] for name in ("UsersTable", "ItemsTable"))
    pools = info.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    assert [pool["Id"] for pool in pools] == [info.outputs["UserPoolId"]]
