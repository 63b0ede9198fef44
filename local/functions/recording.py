"""A record of what functions ask of AWS: who asked, for which action, on what, and whether it was denied.

The recorder is the only AWS that functions can reach, so that no call goes past it, whatever library makes it. Requests
pass through unchanged, the signed Host header too.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from local.functions.permissions import Need, needs
from local.functions.service import Credentials
from local.listening import port_of, serve
from local.model import Function

_SIGNER = re.compile(r"Credential=([^/]+)/")
_HOPS = {"connection", "content-length", "keep-alive", "transfer-encoding"}
_LARGEST = 16 * 1024 * 1024  # bytes; PutRecords takes 10 MB
_DENIED = re.compile(rb"AccessDenied|not authorized to perform")

Assume = Callable[[Function], Coroutine[Any, Any, Credentials]]


class Recorder:
    """Passes requests on to the AWS at `aws_url`, and adds a line to `file` for each that it has not seen before.

    {"function", "action", "resource", "denied"}: `function` is null for a request without a signature, which IAM has
    no say in; `resource` is null, and `action` says why, for a request that nobody can judge.
    """

    def __init__(self, aws_url: str, region: str, file: Path) -> None:
        self._aws, self._region, self._file = aws_url, region, file
        self._roles: dict[str, str] = {}
        self._seen: set[str] = set()
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self, host: str) -> None:
        """Listen on a free port; `url` is the endpoint that functions are to use then."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = await serve(app, host, 0)
        self._http = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),
            connector=aiohttp.TCPConnector(limit=0),
        )
        self.url = f"http://{host}:{port_of(self._runner)}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._http:
            await self._http.close()
        if self._runner:
            await self._runner.cleanup()

    def assuming(self, credentials: Assume) -> Assume:
        """Return `credentials`, remembering whose keys they are."""

        async def remembered(function: Function) -> Credentials:
            keys = await credentials(function)
            self._roles[keys.access_key_id] = function.name
            return keys

        return remembered

    def note(self, **entry: Any) -> None:
        """Add a line, unless it is there."""
        line = json.dumps(entry)
        if line not in self._seen:
            self._seen.add(line)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert self._http  # noqa: S101 - it is there as long as this listens
        async with self._http.request(
            request.method,
            URL(f"{self._aws}{request.raw_path}", encoded=True),
            headers=request.headers,
            data=body,
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
        self._judge(request, body, denied=not answer.ok and bool(_DENIED.search(content)))
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOPS]
        return web.Response(status=answer.status, body=content, headers=headers)

    def _judge(self, request: web.Request, body: bytes, *, denied: bool) -> None:
        signer = _SIGNER.search(request.headers.get("Authorization", ""))
        function = self._roles.get(signer[1], "nobody we know") if signer else None
        try:
            needed: Iterable[Need] = needs(request.headers.get("X-Amz-Target", ""), body, self._region)
        except (LookupError, ValueError) as error:
            self.note(function=function, action=str(error), resource=None, denied=denied)
            return
        for need in needed:
            self.note(function=function, action=need.action, resource=need.resource, denied=denied)


async def granted(iam: Any, functions: Iterable[Function]) -> dict[str, dict[str, Any]]:
    """Return what each function's role allows as it is deployed: our statements, and the ARNs of AWS's own policies."""
    found = await asyncio.gather(*(asyncio.to_thread(_role, iam, one.role_arn) for one in functions))
    return {one.name: role for one, role in zip(functions, found, strict=True)}


def _role(iam: Any, arn: str) -> dict[str, Any]:
    name = arn.rpartition("/")[2]
    documents: list[Mapping[str, Any]] = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    attached = {one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]}
    managed = {one for one in attached if ":aws:policy/" in one}
    for policy in attached - managed:
        version = iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"]
        documents.append(iam.get_policy_version(PolicyArn=policy, VersionId=version)["PolicyVersion"]["Document"])
    return {
        "statements": [statement for document in documents for statement in document["Statement"]],
        "managed": sorted(managed),
    }
