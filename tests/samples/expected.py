"""What each sample event of events/ comes to, told once for every way in which functions are run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "events"

EXPECTED = {
    "adjust-stock/http-api.json": "201",
    "adjust-stock/http-api-no-key.json": "400 invalid-input",
    "adjust-stock/http-api-zero.json": "400 invalid-input",
    "admit-sign-up/cognito.json": "let through",
    "admit-sign-up/cognito-past-us.json": "raised Refused",
    "answer-challenge/http-api.json": "200",
    "answer-challenge/http-api-short-session.json": "400 invalid-input",
    "authorizer/http-api.json": "allowed",
    "authorizer/http-api-forged.json": "denied",
    "cancel-order/http-api.json": "200",
    "cancel-order/http-api-unknown.json": "404 not-found",
    "change-password/http-api.json": "204",
    "change-password/http-api-forged.json": "401 unauthenticated",
    "change-password/http-api-wrong-password.json": "400 invalid-input",
    "confirm-user/http-api.json": "204",
    "confirm-user/http-api-wrong-code.json": "400 invalid-input",
    "create-item/http-api.json": "201",
    "create-item/http-api-no-name.json": "400 invalid-input",
    "create-order/http-api.json": "202",
    "create-order/http-api-no-key.json": "400 invalid-input",
    "create-order/http-api-unknown-sku.json": "400 invalid-input",
    "create-product/http-api.json": "201",
    "create-product/http-api-customer.json": "403 forbidden",
    "create-product/http-api-taken.json": "409 conflict",
    "create-user/http-api.json": "201",
    "create-user/http-api-bad-name.json": "400 invalid-input",
    "delete-item/http-api.json": "204",
    "delete-item/http-api-changed-since.json": "412 precondition-failed",
    "delete-me/http-api.json": "204",
    "delete-me/http-api-forged.json": "401 unauthenticated",
    "delete-product/http-api.json": "204",
    "delete-product/http-api-unknown.json": "404 not-found",
    "forgot-password/http-api.json": "204",
    "forgot-password/http-api-no-username.json": "400 invalid-input",
    "get-dead-letter/http-api.json": "200",
    "get-dead-letter/http-api-unknown.json": "404 not-found",
    "get-docs/http-api.json": "200",
    "get-inventory/http-api.json": "200",
    "get-inventory/http-api-unknown.json": "404 not-found",
    "get-item/http-api.json": "200",
    "get-item/http-api-unknown.json": "404 not-found",
    "get-me/http-api.json": "200",
    "get-me/http-api-unknown.json": "404 not-found",
    "get-openapi/http-api.json": "200",
    "get-order/http-api.json": "200",
    "get-order/http-api-unknown.json": "404 not-found",
    "get-product/http-api.json": "200",
    "get-product/http-api-unknown.json": "404 not-found",
    "health/http-api.json": "200",
    "list-dead-letters/http-api.json": "200",
    "list-dead-letters/http-api-unknown-queue.json": "404 not-found",
    "list-inventory/http-api.json": "200",
    "list-inventory/http-api-bad-cursor.json": "400 invalid-input",
    "list-items/http-api.json": "200",
    "list-items/http-api-bad-limit.json": "400 invalid-input",
    "list-movements/http-api.json": "200",
    "list-movements/http-api-unknown.json": "404 not-found",
    "list-orders/http-api.json": "200",
    "list-orders/http-api-bad-cursor.json": "400 invalid-input",
    "list-products/http-api.json": "200",
    "list-products/http-api-bad-limit.json": "400 invalid-input",
    "list-users/http-api.json": "200",
    "list-users/http-api-customer.json": "403 forbidden",
    "login-user/http-api.json": "200",
    "login-user/http-api-wrong-password.json": "401 unauthenticated",
    "logout-user/http-api.json": "204",
    "logout-user/http-api-forged.json": "401 unauthenticated",
    "migrate-database/create.json": "SUCCESS",
    "migrate-database/create-expired.json": "raised HTTPError",
    "migrate-database/delete.json": "SUCCESS",
    "migrate-database/update.json": "SUCCESS",
    "not-found/http-api.json": "404 not-found",
    "not-found/http-api-method.json": "405 method-not-allowed",
    "not-found/http-api-slash.json": "308",
    "process-orders/sqs.json": "all done",
    "process-orders/sqs-malformed.json": "failed 059f36b4-87a3-44ab-83d2-661975830a7e",
    "process-orders/sqs-unknown-order.json": "failed 059f36b4-87a3-44ab-83d2-661975830a7f",
    "project-inventory/kinesis.json": "all done",
    "project-inventory/kinesis-malformed.json": "all done",  # it is a dead letter now, and its shard goes on
    "purge-dead-letters/http-api.json": "200",
    "purge-dead-letters/http-api-unclear.json": "400 invalid-input",
    "receive-stock/http-api.json": "201",
    "receive-stock/http-api-return-without-order.json": "400 invalid-input",
    "reconcile/schedule.json": "answered compared, differences, differing, repaired",
    "reconcile/with-repair.json": "answered compared, differences, differing, repaired",
    "reconcile/with-repair-no-number.json": "raised TypeError",
    "redrive-dead-letters/http-api.json": "200",
    "redrive-dead-letters/http-api-customer.json": "403 forbidden",
    "refresh-tokens/http-api.json": "200",
    "refresh-tokens/http-api-unknown.json": "401 unauthenticated",
    "register-user/http-api.json": "201",
    "register-user/http-api-weak-password.json": "400 invalid-input",
    "relay-outbox/schedule.json": "answered relayed, waiting",
    "resend-code/http-api.json": "204",
    "resend-code/http-api-no-json.json": "415 media-type",
    "reset-password/http-api.json": "204",
    "reset-password/http-api-wrong-code.json": "400 invalid-input",
    "rotate-secret/rotation-create.json": "answered service, step",
    "rotate-secret/rotation-set.json": "answered service, step",
    "rotate-secret/rotation-set-too-early.json": "raised CannotRotate",
    "rotate-secret/rotation-test.json": "answered service, step",
    "rotate-secret/rotation-finish.json": "answered service, step",
    "sweep-orders/schedule.json": "answered resent, stuck",
    "sweep-orders/stuck-too.json": "answered resent, stuck",
    "update-item/http-api.json": "200",
    "update-item/http-api-changed-since.json": "412 precondition-failed",
    "update-product/http-api.json": "200",
    "update-product/http-api-negative-price.json": "400 invalid-input",
    "update-stocks/sqs.json": "all done",
    "update-stocks/sqs-malformed.json": "failed 059f36b4-87a3-44ab-83d2-661975830a7e",
    "update-stocks/sqs-unknown-order.json": "failed 059f36b4-87a3-44ab-83d2-661975830a7f",
}
"""The outcome of each file, as `outcome` words it."""

NOTHING_TO_REFUSE = {
    "health": "answers whatever it is asked",
    "get-docs": "answers the one page that it has, or 304",
    "get-openapi": "answers the one document that it has, or 304",
    "relay-outbox": "does not look at its event",
    "sweep-orders": "takes any event without `stuck_too` as its schedule's",
}
"""Functions that no event of their triggers makes fail or refuse, and why."""


def module_of(file: str) -> str:
    """Return the handler's module of a sample: "create_order"."""
    return file.partition("/")[0].replace("-", "_")


def function_of(file: str) -> str:
    """Return the function's name in template.yaml: "CreateOrderFunction"."""
    return "".join(word.capitalize() for word in file.partition("/")[0].split("-")) + "Function"


def is_refused(file: str) -> bool:
    """Say whether a sample is a failing one, by its name: the trigger's, and why it fails."""
    return file.partition("/")[2].removesuffix(".json") not in TRIGGERS


TRIGGERS = {
    "http-api",
    "sqs",
    "kinesis",
    "schedule",
    "create",
    "update",
    "delete",
    "stuck-too",
    "with-repair",
    "cognito",
    "rotation-create",
    "rotation-set",
    "rotation-test",
    "rotation-finish",
}
"""What samples of good events are called; a failing one adds why: http-api-unknown-sku."""


def sample(file: str) -> dict[str, Any]:
    """Return a sample event."""
    event: dict[str, Any] = json.loads((FOLDER / file).read_text())
    return event


def outcome(answer: Mapping[str, Any]) -> str:
    """Say in a word or two what a function has answered, or raised."""
    match answer:
        case {"errorType": kind}:
            said = f"raised {kind}"
        case {"statusCode": _}:
            said = _status(answer)
        case {"batchItemFailures": failed}:
            said = f"failed {', '.join(one['itemIdentifier'] for one in failed)}" if failed else "all done"
        case {"isAuthorized": allowed}:
            said = "allowed" if allowed else "denied"
        case {"triggerSource": _}:
            said = "let through"
        case {"Status": status}:
            said = str(status)
        case _:
            said = f"answered {', '.join(sorted(answer))}"
    return said


def _status(answer: Mapping[str, Any]) -> str:
    status = str(answer["statusCode"])
    if answer["headers"].get("content-type") != "application/problem+json":
        return status
    return f"{status} {json.loads(answer['body'])['type'].rpartition(':')[2]}"
