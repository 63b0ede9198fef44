"""The emulated AWS: one MiniStack process on loopback, with an account of its own and IAM enforced."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.functions.service import Credentials
from local.model import Function

REGION = "us-east-1"
SESSION_SECONDS = 3600


@dataclass(frozen=True)
class Emulator:
    """An emulated account at a port, with root keys of its own; it keeps its files in a folder.

    `host` is the address that it is called at.
    """

    port: int
    folder: Path
    host: str = "127.0.0.1"
    access_key: str = field(default_factory=lambda: f"LOCAL{secrets.token_hex(8).upper()}")
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)

    @property
    def url(self) -> str:
        """Its endpoint, for every service."""
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        """Return the command that runs it; SIGTERM stops it."""
        return [str(Path(sys.executable).parent / "ministack")]

    def settings(self) -> Mapping[str, str]:
        """Return the environment that it needs: loopback only, IAM enforced, nothing outside its folder."""
        return {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "aws"),
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client with the account's root keys."""
        make: Any = boto3.client  # its overloads take names of services, not any string
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(max_pool_connections=50, retries={"mode": "standard"}),
        )

    @cached_property
    def _sts(self) -> Any:
        return self.client("sts")

    async def credentials(self, function: Function) -> Credentials:
        """Return temporary credentials of a function's role, as Lambda gives them to it."""
        answer = await asyncio.to_thread(
            self._sts.assume_role,
            RoleArn=function.role_arn,
            RoleSessionName=function.name,
            DurationSeconds=SESSION_SECONDS,
        )
        keys = answer["Credentials"]
        end = keys["Expiration"].timestamp()
        return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], end)
