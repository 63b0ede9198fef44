"""What a new stack shows: two people who can sign in, and real products with stock."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from local.retail import read_sales
from local.state import LocalError, SignIn, StackInfo

EXCERPT = Path(__file__).parent / "data" / "online-retail-excerpt.csv"
CODE = "123456"
"""The confirmation code of every registration in the emulated Cognito."""
PRODUCTS, STOCK = 60, 100
CURRENCY = "GBP"
AT_ONCE = 2
REST = 30
"""Seconds that the queues have to run empty."""


class Demo:
    """Fills a stack through its own API, as its users would."""

    def __init__(self, info: StackInfo, http: aiohttp.ClientSession) -> None:
        self._info = info
        self._http = http

    async def people(self) -> Mapping[str, SignIn]:
        """Register a customer and an admin; return how they sign in."""
        customer, admin = await asyncio.gather(
            self._register("customer", "Carla Customer"), self._register("admin", "Ada Admin")
        )
        cognito = self._info.client("cognito-idp")
        await asyncio.to_thread(
            cognito.admin_add_user_to_group,
            UserPoolId=self._info.outputs["UserPoolId"],
            Username=admin.username,
            GroupName="admin",
        )
        return {"customer": customer, "admin": admin}

    async def products(self, token: str, progress: Callable[[int, int], None]) -> int:
        """Add the excerpt's products with stock; `progress` hears how many of how many. Returns how many."""
        offers = list(read_sales(EXCERPT).products.items())[:PRODUCTS]
        slots, done = asyncio.Semaphore(AT_ONCE), Counter[str]()

        async def add(sku: str, name: str, price: int) -> None:
            async with slots:
                product = {"sku": sku, "name": name, "price_minor": price, "currency": CURRENCY}
                await self._post("/products", product, token)
                await self._post(f"/inventory/{sku}/receipts", {"quantity": STOCK, "reason": "purchase"}, token)
            done["products"] += 1
            progress(done["products"], len(offers))

        await asyncio.gather(*(add(sku, *offer) for sku, offer in offers))
        return done["products"]

    async def rest(self) -> None:
        """Wait until what was loaded can be read everywhere. Raises LocalError when that takes too long."""
        for _ in range(int(REST / 0.1)):
            async with self._http.get(f"{self._info.lambda_url}/status") as answer:
                if (await answer.json())["settled"]:
                    return
            await asyncio.sleep(0.1)
        raise LocalError(f"the products did not arrive everywhere within {REST} s (see {self._info.log})")

    async def token(self, sign_in: SignIn) -> str:
        """Return a bearer token."""
        body = {"username": sign_in.username, "password": sign_in.password}
        return str((await self._post("/user/login", body))["access_token"])

    async def _register(self, username: str, name: str) -> SignIn:
        sign_in = SignIn(username, f"Demo-{secrets.token_hex(5)}")
        email = f"{username}@example.com"
        body = {"username": username, "email": email, "name": name, "password": sign_in.password}
        await self._post("/user/register", body)
        await self._post("/user/confirm", {"username": username, "code": CODE})
        return sign_in

    async def _post(self, path: str, body: Mapping[str, Any], token: str | None = None) -> Any:
        headers = {"Idempotency-Key": str(uuid.uuid4())} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with self._http.post(f"{self._info.url}{path}", json=body, headers=headers) as answer:
            if answer.status >= 400:  # noqa: PLR2004 - HTTP's first error status
                raise LocalError(f"POST {path} answered {answer.status}: {await answer.text()} (see {self._info.log})")
            return json.loads(await answer.text() or "null")
