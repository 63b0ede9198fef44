"""Every sample event comes to what is expected of it, with the handlers in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from adapters.postgres.database import Database, Server
from adapters.postgres.roles import GRANTS, set_password
from tests.cloud import Cloud
from tests.samples.answering import answering
from tests.samples.expected import EXPECTED, module_of, outcome, sample
from tests.samples.scenes import staged
from tests.servers import service_on
from tests.shop import Shop


class Here:
    """Handlers in this process, behind which there is what `make run` loads, as far as samples name it."""

    def __init__(
        self,
        invoke: Callable[..., Any],
        cloud: Cloud,
        dead_letters: str,
        response_url: str,
        secrets: Mapping[str, str],
    ) -> None:
        self.response_url = response_url
        self._secrets = secrets
        self._invoke = invoke
        self._cloud = cloud
        self._dead_letters = dead_letters

    def invoke(self, module: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Run a handler; what it raises is told as Lambda tells it."""
        try:
            answer = self._invoke(module, event)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises
            return {"errorType": type(error).__name__, "errorMessage": str(error)}
        told: dict[str, Any] = json.loads(json.dumps(answer))
        return told

    def secret(self, service: str) -> str:
        """Return the ARN of a service's secret."""
        return self._secrets[service]

    def letter(self, body: str) -> str:
        """Put a letter among those of the orders' queue."""
        sent = self._cloud.client("sqs").send_message(QueueUrl=self._dead_letters, MessageBody=body)
        return str(sent["MessageId"])


@pytest.fixture
def rotatable(
    ministack: Cloud, postgres_server: Server, rewire: Callable[..., None], databases: Mapping[str, Database]
) -> Iterator[Mapping[str, str]]:
    """Return a secret of each service's that may be rotated; afterwards the roles have their old passwords again."""
    roles = {name.capitalize(): service_on(postgres_server, name) for name in GRANTS}
    secrets = {service: ministack.secret(vars(role)) for service, role in roles.items()}
    rewire(**{f"{service.upper()}_SECRET_ARN": secret for service, secret in secrets.items()})
    yield secrets
    for role in roles.values():
        set_password(databases["product"].connection(), role)


@pytest.fixture
def here(
    invoke: Callable[..., Any],
    ministack: Cloud,
    environment: Mapping[str, str],
    shop: Shop,
    rotatable: Mapping[str, str],
) -> Iterator[Here]:
    """Return a world with the products that samples name."""
    for sku, price in (("85123A", 255), ("71053", 339), ("84406B", 275)):
        shop.sell(sku, price, on_hand=100)
    with answering() as url:
        world = Here(invoke, ministack, environment["ORDERS_DEAD_LETTERS_URL"], url, rotatable)
        world.invoke("project_inventory", sample("project-inventory/kinesis.json"))
        yield world


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_a_sample_comes_to_what_is_expected(file: str, here: Here) -> None:
    answer = here.invoke(module_of(file), staged(file, here))

    assert outcome(answer) == EXPECTED[file], answer
