"""AWS clients: one session, short timeouts, few retries with jitter.

A call takes at most LONGEST seconds, below every function's timeout. Calls that fail are tried again here and
nowhere above.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

from botocore import __version__ as version
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError
from botocore.session import Session

from adapters.authorities import trusted
from domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CONNECT, READ, TRIES = 1.0, 3.0, 2
LONGEST = TRIES * (CONNECT + READ) + 1.0
"""Botocore waits for up to a second between two tries ("Retries", standard mode)."""
PARALLEL = 8
"""Connections that a client keeps open, and the most calls at once that an adapter makes."""


USER_AGENT = f"Botocore/{version} Tradepost"
"""Said as it is: botocore's own, of a score of parts, would be put together twice with each call (60 µs)."""
BULK = {"dynamodb", "kinesis", "sqs"}
"""Services that get many records of our own making; botocore need not look at each before AWS does."""
THROTTLED = {
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
}
"""DynamoDB, Kinesis, Cognito and Secrets Manager say it alike, SQS and KMS by names of their own."""


@contextmanager
def available() -> Iterator[None]:
    """Raise Unavailable where AWS cannot be reached in time, is broken, or asks for less traffic."""
    try:
        yield
    except BotoCoreError as error:
        raise Unavailable("a service behind this does not answer; try again") from error
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response["Error"]["Code"] in THROTTLED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable("a service behind this is busy; try again") from error
        raise


_MAKING = Lock()
"""Sessions make clients for one thread at a time (Boto3 Guide, "Multithreading or multiprocessing with clients")."""


@cache
def _session() -> Session:
    """Return botocore's session: boto3's clients are its own, and boto3's resources, which are not used, take time."""
    return Session()


@overload
def client(service: Literal["cognito-idp"]) -> CognitoIdentityProviderClient: ...
@overload
def client(service: Literal["dynamodb"], *, read: float = READ, tries: int = TRIES) -> DynamoDBClient: ...
@overload
def client(service: Literal["kinesis"]) -> KinesisClient: ...
@overload
def client(service: Literal["secretsmanager"], *, read: float = READ, tries: int = TRIES) -> SecretsManagerClient: ...
@overload
def client(service: Literal["sqs"]) -> SQSClient: ...
def client(service: Any, *, read: float = READ, tries: int = TRIES) -> Any:
    """Return the client for a service, in the region that REGION names: one for each way of waiting.

    Raises RuntimeError for a service that the package lacks: it holds those that the code names.
    """
    try:
        with _MAKING:
            return _client(service, read, tries)
    except UnknownServiceError as error:
        raise RuntimeError(
            f'the package was built without {service}: `sam build` ships what src asks for by name, client("{service}")'
        ) from error


@cache
def _client(service: str, read: float, tries: int) -> Any:
    config = Config(
        connect_timeout=CONNECT,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=PARALLEL,
        parameter_validation=service not in BULK,
        user_agent=USER_AGENT,
    )
    return _session().create_client(service, os.environ["REGION"], verify=trusted(), config=config)
