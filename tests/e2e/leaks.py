"""Looking for secrets in a log: as they are, URL-encoded, escaped, or anywhere in base64."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

SECRET_MEMBERS = {"password", "old_password", "new_password", "email", "access_token", "id_token", "refresh_token"}
CODES = ("123456", "654321")
"""The codes that the emulated Cognito sends with registrations and with forgotten passwords."""
CODE = re.compile(rf"(?<![\w.:+-])(?:{'|'.join(CODES)})(?![\w.:+-])")
"""A code as a word or a JSON value of its own; digits within ids, times and sizes are none."""
SHORTEST = 8
"""Shorter texts (a password that is refused for its length) stand in logs by chance."""


def secrets_in(document: Any) -> set[str]:
    """Return the secrets that a request's or an answer's JSON carries."""
    found = document.items() if isinstance(document, dict) else ()
    named = {value for name, value in found if name in SECRET_MEMBERS and isinstance(value, str)}
    return {value for value in named if len(value) >= SHORTEST}


def leaks(log: str, secrets: Collection[str]) -> set[str]:
    """Return the secrets that stand in a log, in whatever form, and the codes."""
    plain = log.replace("\\", "")  # what JSON in JSON in JSON brings
    return {secret for secret in secrets if any(form in plain for form in set(_forms(secret)))} | set(
        CODE.findall(plain)
    )


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret may look in a log. Of a token, its claims or its signature are enough."""
    for part in secret.split(".")[1:] if _is_token(secret) else [secret]:
        yield part
        yield quote(part, safe="")
        yield quote_plus(part)
        for before in range(3):
            yield from _in_base64(part.encode(), before)


def _is_token(secret: str) -> bool:
    return secret.startswith("eyJ") and "." in secret


def _in_base64(secret: bytes, before: int) -> Iterator[str]:
    """Yield the characters that base64 gives a secret after so many bytes of something else, whatever follows it."""
    padded = bytes(before) + secret
    whole = padded[: len(padded) // 3 * 3]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(whole).decode()[4 if before else 0 :]
