"""Which of AWS's refusals mean: try again."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from adapters.aws import available
from domain.errors import Unavailable


def refused(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item] # as much as is read
        "Call",
    )


@pytest.mark.parametrize(
    "code",
    [
        "KMS.ThrottlingException",
        "KMSThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ],
)
def test_who_asks_too_much_may_try_again(code: str) -> None:
    """SQS names it in its JSON protocol and in its older one; KMS stands behind encrypted queues and streams."""
    with pytest.raises(Unavailable), available():
        raise refused(code)


def test_what_is_broken_on_their_side_may_be_tried_again() -> None:
    with pytest.raises(Unavailable), available():
        raise refused("InternalError", 500)


@pytest.mark.parametrize("code", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue"])
def test_what_will_fail_again_is_no_outage(code: str) -> None:
    with pytest.raises(ClientError), available():
        raise refused(code)
