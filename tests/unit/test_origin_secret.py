"""The origin's secret has two good values, and is read now and then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from adapters.origin_secret import LIFE, OriginSecret
from domain.errors import Unavailable


class Manager:
    """Secrets Manager with one secret, which may be out of reach."""

    def __init__(self, **said: str) -> None:
        self.said, self.error, self.read = said, None, 0
        self.error: Exception | None

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        assert SecretId == "arn"
        self.read += 1
        if self.error:
            raise self.error
        return {"SecretString": json.dumps(self.said)}


class Clock:
    """Seconds, as a test sets them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def secret(manager: Any, clock: Clock) -> OriginSecret:
    return OriginSecret(manager, "arn", clock)


def test_both_values_are_good() -> None:
    assert secret(Manager(newest="new", previous="old"), Clock()).values() == (b"new", b"old")


@pytest.mark.parametrize("said", [{"newest": "new"}, {"newest": "new", "previous": ""}])
def test_a_secret_that_was_never_changed_has_one_value(said: dict[str, str]) -> None:
    """An empty value would let in whoever sends none."""
    assert secret(Manager(**said), Clock()).values() == (b"new",)


def test_it_is_read_once_a_minute() -> None:
    manager, clock = Manager(newest="old"), Clock()
    values = secret(manager, clock)
    assert [values.values() for _ in range(3)] == [(b"old",)] * 3

    manager.said = {"newest": "new", "previous": "old"}
    clock.now = LIFE - 1
    assert values.values() == (b"old",)
    clock.now = LIFE
    assert values.values() == (b"new", b"old")
    assert manager.read == 2


def test_what_was_read_stays_good_while_it_cannot_be_read_again() -> None:
    manager, clock = Manager(newest="old"), Clock()
    values = secret(manager, clock)
    values.values()

    manager.error, clock.now = EndpointConnectionError(endpoint_url="https://nowhere"), LIFE

    assert [values.values() for _ in range(3)] == [(b"old",)] * 3
    assert manager.read == 2, "and is not asked for at each call"


def test_a_secret_that_was_never_read_lets_nobody_in() -> None:
    manager = Manager(newest="new")
    manager.error = EndpointConnectionError(endpoint_url="https://nowhere")
    values = secret(manager, Clock())

    with pytest.raises(Unavailable):
        values.values()
    manager.error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")
    with pytest.raises(ClientError):
        values.values()
    manager.error = None
    assert values.values() == (b"new",)
