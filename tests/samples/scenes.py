"""What must be there before a sample event is sent, and what stands in it in place of the file's own ids and tokens."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tests.samples.expected import sample

ORDER = ITEM = "012c9f6c-7d40-7000-8000-000000000001"
LETTER = "059f36b4-87a3-44ab-83d2-661975830a7d"
KEY = "0b7e6c1e-6a55-4f0a-8f2b-7c3f2f6d9a01"
PERSON = "grace"
SUB = "3f0d3a52-5f0a-4f0e-9d4e-2f6a3b0c9d11"
ACCESS_TOKEN = "the-access-token-that-the-login-answered"
REFRESH_TOKEN = "the-refresh-token-that-the-login-answered"
BUCKET = "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com"
SERVICES = ("Product", "Inventory", "User")
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tradepost-{}Secret-a1b2c3"
"""What the samples say, in whose place comes what this stack has given out."""

Words = Mapping[str, str]
"""What comes in the place of what."""


class World(Protocol):
    """A stack that scenes are set in."""

    response_url: str
    """Takes what custom resources say; below it, /expired refuses them."""

    def invoke(self, module: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Run a function of the stack, and return its answer."""

    def secret(self, service: str) -> str:
        """Return the ARN of a service's secret."""

    def letter(self, body: str) -> str:
        """Put a message among the dead letters of the orders' queue; return its id."""


def staged(file: str, world: World) -> dict[str, Any]:
    """Set a sample's scene; return its event as it is to be sent."""
    return rewritten(sample(file), SCENES.get(file, nothing)(world))


def rewritten(event: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Return an event with other words in it."""
    text = json.dumps(event)
    for old, new in words.items():
        text = text.replace(old, new)
    changed: dict[str, Any] = json.loads(text)
    return changed


def nothing(_: World) -> Words:
    """Change nothing."""
    return {}


def ordered(world: World) -> Words:
    """Place an order."""
    event = rewritten(sample("create-order/http-api.json"), {KEY: str(uuid.uuid4())})
    return {ORDER: _body(world.invoke("create_order", event))["id"]}


def confirmed_order(world: World) -> Words:
    """Place an order and confirm it; it is not shipped."""
    words = ordered(world)
    world.invoke("process_orders", rewritten(sample("process-orders/sqs.json"), words))
    return words


def added(world: World) -> Words:
    """Add an item."""
    return {ITEM: _body(world.invoke("create_item", sample("create-item/http-api.json")))["id"]}


def died(world: World) -> Words:
    """Let a message die."""
    return {LETTER: world.letter("no message of ours")}


def stranger(_: World) -> Words:
    """Think of somebody who is not there yet."""
    return {PERSON: f"{PERSON}-{uuid.uuid4().hex[:8]}"}


def registered(world: World) -> Words:
    """Register somebody."""
    words = stranger(world)
    profile = _body(world.invoke("register_user", rewritten(sample("register-user/http-api.json"), words)))
    return {**words, SUB: profile["id"]}


def person(world: World) -> Words:
    """Register somebody and confirm it."""
    words = registered(world)
    world.invoke("confirm_user", rewritten(sample("confirm-user/http-api.json"), words))
    return words


def signed_in(world: World) -> Words:
    """Sign somebody in."""
    words = person(world)
    tokens = _body(world.invoke("login_user", rewritten(sample("login-user/http-api.json"), words)))
    return {**words, ACCESS_TOKEN: tokens["access_token"], REFRESH_TOKEN: tokens["refresh_token"]}


def forgetful(world: World) -> Words:
    """Let somebody ask for a new password."""
    words = person(world)
    world.invoke("forgot_password", rewritten(sample("forgot-password/http-api.json"), words))
    return words


def invited(world: World) -> Words:
    """Invite somebody."""
    words = stranger(world)
    world.invoke("create_user", rewritten(sample("create-user/http-api.json"), words))
    return words


def deploying(world: World) -> Words:
    """Let CloudFormation's answers come here."""
    return {BUCKET: world.response_url}


def secretive(world: World) -> Words:
    """Name this stack's secrets."""
    return {SECRET.format(service): world.secret(service) for service in SERVICES}


def before(last: str, *steps: str) -> Callable[[World], Words]:
    """Take those steps of a rotation that come before a sample's own."""

    def scene(world: World) -> Words:
        words = secretive(world)
        event = rewritten(sample(f"rotate-secret/rotation-{last}.json"), words)
        for step in steps:
            world.invoke("rotate_secret", {**event, "Step": f"{step}Secret"})
        return words

    return scene


def _body(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer's JSON; what was refused is no scene."""
    if answer["statusCode"] >= 400:
        raise AssertionError(f"the scene is not set: {answer}")
    said: dict[str, Any] = json.loads(answer["body"])
    return said


SCENES: Mapping[str, Callable[[World], Words]] = {
    "answer-challenge/http-api.json": invited,
    "authorizer/http-api.json": signed_in,
    "cancel-order/http-api.json": confirmed_order,
    "change-password/http-api.json": signed_in,
    "change-password/http-api-wrong-password.json": signed_in,
    "confirm-user/http-api.json": registered,
    "confirm-user/http-api-wrong-code.json": registered,
    "create-user/http-api.json": stranger,
    "delete-item/http-api.json": added,
    "delete-item/http-api-changed-since.json": added,
    "delete-me/http-api.json": signed_in,
    "forgot-password/http-api.json": person,
    "get-dead-letter/http-api.json": died,
    "get-item/http-api.json": added,
    "get-me/http-api.json": person,
    "get-order/http-api.json": ordered,
    "login-user/http-api.json": person,
    "login-user/http-api-wrong-password.json": person,
    "logout-user/http-api.json": signed_in,
    "migrate-database/create.json": deploying,
    "migrate-database/create-expired.json": deploying,
    "migrate-database/delete.json": deploying,
    "migrate-database/update.json": deploying,
    "process-orders/sqs.json": ordered,
    "process-orders/sqs-malformed.json": ordered,
    "purge-dead-letters/http-api.json": died,
    "redrive-dead-letters/http-api.json": died,
    "refresh-tokens/http-api.json": signed_in,
    "register-user/http-api.json": stranger,
    "resend-code/http-api.json": registered,
    "reset-password/http-api.json": forgetful,
    "reset-password/http-api-wrong-code.json": forgetful,
    "rotate-secret/rotation-create.json": secretive,
    "rotate-secret/rotation-set.json": before("set", "create"),
    "rotate-secret/rotation-set-too-early.json": secretive,
    "rotate-secret/rotation-test.json": before("test", "create", "set"),
    "rotate-secret/rotation-finish.json": before("finish", "create", "set", "test"),
    "update-item/http-api.json": added,
    "update-item/http-api-changed-since.json": added,
    "update-stocks/sqs.json": confirmed_order,
    "update-stocks/sqs-malformed.json": confirmed_order,
}
"""The scenes of those samples that need one; `make run` has what the others need."""
