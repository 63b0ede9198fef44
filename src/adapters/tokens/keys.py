"""The signing keys that an issuer publishes (RFC 7517), fetched rarely and kept when the issuer is down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR, socket
from ssl import create_default_context
from threading import Lock, Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from adapters.authorities import trusted

FETCH_TIMEOUT = 2.0
MAX_BYTES = 256 * 1024
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
MIN_EXPONENT, MAX_EXPONENT = 65537, 2**32 - 1
"""RFC 8017 allows less, but small exponents have a history, and large ones cost whoever verifies."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey


class KeysUnavailable(Exception):
    """The keys could not be fetched, or what came is not a key set."""


@dataclass(frozen=True)
class SigningKey:
    """A public key and the one algorithm that it is used with."""

    algorithm: str
    public: PublicKey


@dataclass(frozen=True)
class Fetch:
    """Fetches a key set over https, or over http where `allow_http` says that this is a laptop."""

    allow_http: bool = False

    def __call__(self, url: str) -> bytes:
        """Return the document, at the latest FETCH_TIMEOUT seconds after the issuer was reached.

        Follows no redirect: it could lead to http, or to somebody else's keys. Raises KeysUnavailable, OSError,
        HTTPException, ValueError.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http" if self.allow_http else "https"):
            raise KeysUnavailable(f"keys come over https, not from {url}")
        with closing(_connection(parts)) as connection:
            connection.connect()
            with _hung_up_in_time(connection.sock):
                connection.request("GET", parts.path or "/", headers={"accept": "application/json"})
                return _document(connection.getresponse())


def _connection(to: SplitResult) -> HTTPConnection:
    if to.scheme == "http":
        return HTTPConnection(to.netloc, timeout=FETCH_TIMEOUT)
    of_aws = (to.hostname or "").endswith(".amazonaws.com")
    context = create_default_context(cafile=trusted() if of_aws else None)
    return HTTPSConnection(to.netloc, timeout=FETCH_TIMEOUT, context=context)


@contextmanager
def _hung_up_in_time(connection: socket) -> Iterator[None]:
    """End a connection FETCH_TIMEOUT seconds from now, however little by little it brings what it brings."""

    def hang_up() -> None:
        with suppress(OSError):  # it has ended by itself
            connection.shutdown(SHUT_RDWR)

    watch = Timer(FETCH_TIMEOUT, hang_up)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _document(response: HTTPResponse) -> bytes:
    if response.status != HTTPStatus.OK:
        raise KeysUnavailable(f"the issuer answers {response.status}")
    document = response.read(MAX_BYTES + 1)
    if len(document) > MAX_BYTES:
        raise KeysUnavailable("the key set is too large")
    if response.length:
        raise KeysUnavailable("the key set broke off")
    return document


class KeySource:
    """The key set at a URL.

    Fetched at the first need, again when it is `lifetime` seconds old or an unknown key id comes, but never
    twice within `cooldown` seconds, failed tries included. While fetching fails, known keys keep serving
    for `stale` seconds.
    """

    def __init__(
        self,
        url: str,
        algorithms: Collection[str],
        *,
        fetch: Callable[[str], bytes],
        monotonic: Callable[[], float] = time.monotonic,
        lifetime: float = 3600,
        cooldown: float = 30,
        stale: float = 24 * 3600,
    ) -> None:
        self._url = url
        self._algorithms = algorithms
        self._fetch = fetch
        self._monotonic = monotonic
        self._lifetime = lifetime
        self._cooldown = cooldown
        self._stale = stale
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = Lock()

    def forget(self) -> None:
        """Forget what was fetched, and when."""
        self._keys = {}
        self._fetched_at = self._tried_at = float("-inf")

    def key(self, kid: str) -> SigningKey | None:
        """Return the key of that id, or None. Raises KeysUnavailable when there are no usable keys at all."""
        if kid not in self._keys or self._age() > self._lifetime:
            with self._fetching:  # another thread may be at it, and then has what this one wants
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
            self._keys = parse_keys(self._fetch(self._url), self._algorithms)
        except (OSError, HTTPException, ValueError, KeysUnavailable) as error:
            if self._age() > self._stale:
                raise KeysUnavailable(f"no keys from {self._url}: {error}") from error
        else:
            self._fetched_at = now


def parse_keys(document: bytes, algorithms: Collection[str]) -> Mapping[str, SigningKey]:
    """Return the usable keys of a key set by id: for signatures, of these algorithms, strong, with an id of its own.

    Raises KeysUnavailable when it is not a key set or holds no usable key.
    """
    try:
        found = [key for key in json.loads(document)["keys"] if _signs(key)]
        ids = [key["kid"] for key in found]
        read = {key["kid"]: _read(key) for key in found if ids.count(key["kid"]) == 1}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise KeysUnavailable(f"not a key set: {error!r}") from error
    keys = {kid: key for kid, key in read.items() if key and key.algorithm in algorithms}
    if not keys:
        raise KeysUnavailable("the key set holds no usable key")
    return keys


def _signs(key: Mapping[str, Any]) -> bool:
    return (
        isinstance(key.get("kid"), str)
        and isinstance(key.get("kty"), str)
        and key.get("use", "sig") == "sig"
        and "verify" in _listed(key.get("key_ops", ["verify"]))
        and not {"d", "p", "q"} & key.keys()  # a private key that was published is everybody's
    )


def _listed(operations: Any) -> list[Any]:
    return operations if isinstance(operations, list) else []


def _read(key: Mapping[str, Any]) -> SigningKey | None:
    """Return a JWK as a key with its one algorithm, or None when it is too weak or of another kind."""
    kind = {"RSA": ("RS256", _rsa), "EC": ("ES256", _ec)}.get(key["kty"])
    if kind is None or key.get("alg", kind[0]) != kind[0]:
        return None
    try:
        public = kind[1](key)
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        return None
    return SigningKey(kind[0], public) if public else None


def _rsa(key: Mapping[str, Any]) -> PublicKey | None:
    public = RSAAlgorithm.from_jwk({"kty": "RSA", "n": key["n"], "e": key["e"]})
    if not isinstance(public, RSAPublicKey) or not MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS:
        return None
    exponent = public.public_numbers().e
    return public if MIN_EXPONENT <= exponent <= MAX_EXPONENT and exponent % 2 else None


def _ec(key: Mapping[str, Any]) -> PublicKey | None:
    public = ECAlgorithm.from_jwk({"kty": "EC", "crv": key["crv"], "x": key["x"], "y": key["y"]})
    return public if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1) else None
