"""The signing keys that an issuer publishes (RFC 7517), fetched rarely and kept when the issuer is down."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

FETCH_TIMEOUT = 2.0
MAX_BYTES = 256 * 1024
MIN_RSA_BITS = 2048
LOCAL_HOSTS = {"127.0.0.1", "localhost", "host.docker.internal"}
"""Where http is good enough, because nothing leaves the machine."""

Fetch = Callable[[str], bytes]


class KeysUnavailable(Exception):
    """The keys could not be fetched, or what came is not a key set."""


def fetch(url: str) -> bytes:
    """Fetch a key set within FETCH_TIMEOUT seconds per step; https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS):
        raise KeysUnavailable(f"keys come over https, not from {url}")
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT) as response:  # noqa: S310 - the scheme was checked
        body: bytes = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise KeysUnavailable("the key set is too large")
    return body


class KeySource:
    """The key set at a URL.

    Fetched at the first need, again when it is `lifetime` seconds old or an unknown key id comes, but never
    twice within `cooldown` seconds, failed tries included. While fetching fails, known keys keep serving
    for `stale` seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch = fetch,
        monotonic: Callable[[], float] = time.monotonic,
        lifetime: float = 3600,
        cooldown: float = 30,
        stale: float = 24 * 3600,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._monotonic = monotonic
        self._lifetime = lifetime
        self._cooldown = cooldown
        self._stale = stale
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def key(self, kid: str) -> RSAPublicKey | None:
        """Return the key of that id, or None. Raises KeysUnavailable when there are no usable keys at all."""
        if kid not in self._keys or self._age() > self._lifetime:
            self._refresh()
        if self._age() > self._stale:
            raise KeysUnavailable(f"no keys from {self._url}")
        return self._keys.get(kid)

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _refresh(self) -> None:
        now = self._monotonic()
        if now - self._tried_at < self._cooldown:
            return
        self._tried_at = now
        try:
            self._keys = parse_keys(self._fetch(self._url))
        except (OSError, HTTPException, ValueError, KeysUnavailable) as error:
            if self._age() > self._stale:
                raise KeysUnavailable(f"no keys from {self._url}: {error}") from error
        else:
            self._fetched_at = now


def parse_keys(document: bytes) -> Mapping[str, RSAPublicKey]:
    """Return the usable keys of a key set by id: RSA, for signatures, RS256, 2048 bits or more, unique.

    Raises KeysUnavailable when it is not a key set or holds no usable key.
    """
    try:
        found = json.loads(document)["keys"]
        usable = [key for key in found if _signs(key)]
        ids = [key["kid"] for key in usable]
        keys = {key["kid"]: public for key in usable if ids.count(key["kid"]) == 1 and (public := _rsa(key))}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeysUnavailable(f"not a key set: {error!r}") from error
    if not keys:
        raise KeysUnavailable("the key set holds no usable key")
    return keys


def _signs(key: Mapping[str, Any]) -> bool:
    return (
        key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
        and "verify" in key.get("key_ops", ["verify"])
        and isinstance(key.get("kid"), str)
    )


def _rsa(key: Mapping[str, Any]) -> RSAPublicKey | None:
    try:
        public = RSAAlgorithm.from_jwk({"kty": "RSA", "n": key["n"], "e": key["e"]})
    except (InvalidKeyError, ValueError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size >= MIN_RSA_BITS:
        return public
    return None
