"""The rotation function: four steps, each of which may come again, or never."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from adapters.postgres.database import Server
from adapters.postgres.roles import set_password
from local.rotating import STEPS, clean_up
from tests.cloud import Cloud
from tests.servers import login
from tests.shop import Shop


@dataclass(frozen=True)
class Rotating:
    """The product service's secret, and what is done to it."""

    cloud: Cloud
    arn: str
    server: Server
    invoke: Callable[..., Any]
    database: str = "product"

    def take(self, *steps: str, version: str) -> None:
        """Take steps as Secrets Manager does."""
        for step in steps:
            event = {"Step": step, "SecretId": self.arn, "ClientRequestToken": version}
            self.invoke("rotate_secret", event)
            if step == STEPS[-1]:
                clean_up(self.cloud.client("secretsmanager"), self.arn, version)

    def credentials(self, stage: str = "AWSCURRENT") -> Server:
        """Return what the secret says."""
        found = self.cloud.client("secretsmanager").get_secret_value(SecretId=self.arn, VersionStage=stage)
        return Server(**json.loads(found["SecretString"]))

    def stages(self) -> set[str]:
        """Return the labels that the secret's versions have."""
        versions = self.cloud.client("secretsmanager").describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return {stage for stages in versions.values() for stage in stages}

    def opens(self, server: Server) -> bool:
        """Say whether the database takes these credentials."""
        try:
            psycopg.connect(dbname=self.database, **login(server)).close()
        except psycopg.OperationalError:
            return False
        return True

    def set(self, password: str) -> None:
        """Give the role another password behind the secret's back."""
        with psycopg.connect(dbname="product", autocommit=True, **login(self.server)) as master:
            set_password(master, replace(self.server, username="product_service", password=password))


@pytest.fixture
def rotating(
    ministack: Cloud, postgres_server: Server, invoke: Callable[..., Any], rewire: Callable[..., None]
) -> Iterator[Rotating]:
    """Return a secret of the product service's that is good; afterwards the role has its old password again."""
    arn = ministack.secret(vars(replace(postgres_server, username="product_service")))
    rewire(PRODUCT_SECRET_ARN=arn)
    rotating = Rotating(ministack, arn, postgres_server, invoke)
    yield rotating
    rotating.set(postgres_server.password)


def new_version() -> str:
    return str(uuid.uuid4())


def test_four_steps_give_a_new_password(rotating: Rotating) -> None:
    old = rotating.credentials()

    rotating.take(*STEPS, version=new_version())

    new = rotating.credentials()
    assert replace(new, password=old.password) == old
    assert len(new.password) >= 40
    assert rotating.credentials("AWSPREVIOUS") == old
    assert (rotating.opens(old), rotating.opens(new)) == (False, True)


def test_every_step_may_come_again(rotating: Rotating) -> None:
    """Also those before it, and all of them after the last."""
    version = new_version()
    rotating.take("createSecret", "createSecret", version=version)
    pending = rotating.credentials("AWSPENDING")

    rotating.take("setSecret", "createSecret", "setSecret", "testSecret", "setSecret", "testSecret", version=version)
    rotating.take("finishSecret", *STEPS, version=version)

    assert rotating.credentials() == pending
    assert rotating.opens(pending)


def test_until_the_second_step_nothing_has_changed(rotating: Rotating) -> None:
    before = rotating.credentials()

    rotating.take("createSecret", version=new_version())

    assert rotating.credentials() == before
    assert rotating.opens(before)


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_whoever_signs_in_between_two_steps_can(
    rotating: Rotating, done: int, call: Any, rewire: Callable[..., None], shop: Shop
) -> None:
    rotating.take(*STEPS[:done], version=new_version())
    rewire()

    assert call("get_product", path={"sku": "TEA"}).status == 200


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_rotation_that_broke_off_is_gone_on_with(rotating: Rotating, done: int) -> None:
    """Secrets Manager comes with the same version until it is finished or given up."""
    version = new_version()
    rotating.take(*STEPS[:done], version=version)

    rotating.take(*STEPS, version=version)

    assert rotating.opens(rotating.credentials())


def test_the_last_step_moves_one_label_and_leaves_the_other_to_secrets_manager(rotating: Rotating) -> None:
    """Its removal by a call of ours could say that the rotation was given up."""
    version = new_version()
    rotating.take(*STEPS[:3], version=version)

    rotating.invoke("rotate_secret", {"Step": STEPS[3], "SecretId": rotating.arn, "ClientRequestToken": version})

    assert rotating.credentials("AWSPENDING") == rotating.credentials()
    assert rotating.opens(rotating.credentials())


def test_one_rotation_follows_another(rotating: Rotating) -> None:
    seen = {rotating.credentials().password}
    for _ in range(3):
        rotating.take(*STEPS, version=new_version())
        seen.add(rotating.credentials().password)
        assert rotating.stages() == {"AWSCURRENT", "AWSPREVIOUS"}
        assert rotating.opens(rotating.credentials())

    assert len(seen) == 4


def test_a_database_that_has_paused_is_given_time_to_wake(rotating: Rotating) -> None:
    """Else the passwords would be tried while it sleeps, and found to be none of the role's."""
    given, connect = set[int](), psycopg.connect

    def noted(**how: Any) -> Any:
        given.add(how["connect_timeout"])
        return connect(**how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psycopg.connect", noted)
        rotating.take(*STEPS, version=new_version())

    assert min(given) > 30


def test_a_server_restored_from_before_a_rotation_is_taken_along_by_the_next(rotating: Rotating) -> None:
    rotating.take(*STEPS, version=new_version())
    rotating.set(rotating.credentials("AWSPREVIOUS").password)

    rotating.take(*STEPS, version=new_version())

    assert rotating.opens(rotating.credentials())


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_a_password_that_is_not_set_is_never_made_current(rotating: Rotating, step: str) -> None:
    version, before = new_version(), rotating.credentials()
    rotating.take("createSecret", version=version)

    with pytest.raises(Exception, match="does not answer"):
        rotating.take(step, version=version)

    assert rotating.credentials() == before


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_step_of_the_rotation_before_changes_nothing_any_more(rotating: Rotating, step: str) -> None:
    """It may come late: Secrets Manager invokes as often as it likes."""
    late = new_version()
    rotating.take(*STEPS, version=late)
    rotating.take(*STEPS, version=new_version())
    current = rotating.credentials()

    with pytest.raises(Exception, match="createSecret comes first"):
        rotating.take(step, version=late)

    assert rotating.credentials() == current
    assert rotating.opens(current)


def test_a_role_that_nobody_knows_the_password_of_is_left_to_people(rotating: Rotating) -> None:
    rotating.set(secrets.token_hex())
    version = new_version()
    rotating.take("createSecret", version=version)

    with pytest.raises(Exception, match="product_service takes neither") as refused:
        rotating.take("setSecret", version=version)

    for stage in ("AWSCURRENT", "AWSPENDING"):
        assert rotating.credentials(stage).password not in str(refused.value)


@pytest.mark.parametrize("step", STEPS[1:])
def test_no_step_comes_before_the_first(rotating: Rotating, step: str) -> None:
    with pytest.raises(Exception, match="createSecret comes first"):
        rotating.take(step, version=new_version())


def test_secrets_of_others_are_not_rotated(rotating: Rotating) -> None:
    other = rotating.cloud.secret(vars(rotating.server))

    with pytest.raises(Exception, match="none of ours"):
        replace(rotating, arn=other).take("createSecret", version=new_version())


def test_a_master_that_was_generated_is_rotated_alike(rotating: Rotating, rewire: Callable[..., None]) -> None:
    with psycopg.connect(dbname="postgres", autocommit=True, **login(rotating.server)) as master:
        master.execute("CREATE ROLE generated LOGIN CREATEROLE CREATEDB PASSWORD 'generated'")
    old = replace(rotating.server, username="generated", password="generated")
    arn = rotating.cloud.secret(vars(old))
    rewire(PRODUCT_MASTER_SECRET_ARN=arn, INVENTORY_MASTER_SECRET_ARN=arn)
    theirs = replace(rotating, arn=arn, database="postgres")

    theirs.take(*STEPS, version=new_version())

    new = theirs.credentials()
    assert (theirs.opens(old), theirs.opens(new)) == (False, True)
    with psycopg.connect(dbname="postgres", autocommit=True, **login(rotating.server)) as master:
        master.execute("DROP ROLE generated")


def test_no_password_is_logged(rotating: Rotating, log: Any) -> None:
    version = new_version()
    rotating.take(*STEPS[:3], version=version)
    told = [rotating.credentials(stage).password for stage in ("AWSCURRENT", "AWSPENDING")]
    rotating.take("finishSecret", version=version)

    text = json.dumps(log())
    assert [line["step"] for line in log()] == list(STEPS)
    assert not [one for one in told if one in text]
