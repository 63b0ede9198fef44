"""The authorizer and an issuer of keys that is down, slow, lying, or has new keys, over real HTTP."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from jwt.warnings import InsecureKeyLengthWarning

from adapters.tokens.keys import KeysUnavailable
from handlers.wiring.tokens import verifier
from tests.signing import CLIENT_ID, ISSUER, base64url, claims, ec_jwk, ec_private_key, jwk, key_set, private_key, token
from tests.unit.issuer import Issuer

LIFETIME, COOLDOWN, STALE = 3600, 30, 86_400
ARN = "arn:aws:execute-api:eu-west-1:123456789012:api/prod/GET/orders/7"


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer(jwk("one"))
    issuer.start()
    yield issuer
    issuer.stop()


def http(bearer: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {bearer}"}
    return {"type": "REQUEST", "version": "2.0", "routeKey": "GET /orders", "headers": headers}


def rest(bearer: str) -> dict[str, Any]:
    return {"type": "REQUEST", "version": "1.0", "methodArn": ARN, "headers": {"Authorization": f"Bearer {bearer}"}}


Admits = Callable[[str], bool]


@pytest.fixture(params=[http, rest], ids=["HTTP API", "REST API"])
def admits(
    request: pytest.FixtureRequest, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Admits]:
    """Yield the authorizer, in a new worker, as a function that says whether a token is accepted."""
    for name, value in {
        "TOKEN_ISSUER": ISSUER,
        "TOKEN_CLIENT_IDS": CLIENT_ID,
        "TOKEN_ALGORITHMS": "RS256,ES256",
        "JWKS_URL": issuer.url,
        "STAGE": "local",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("adapters.tokens.keys.FETCH_TIMEOUT", 0.3)
    verifier.cache_clear()
    sys.modules.pop("handlers.authorizer", None)
    module = importlib.import_module("handlers.authorizer")
    monkeypatch.setattr(verifier().keys, "_monotonic", clock)

    def ask(bearer: str) -> bool:
        answer = module.handler(request.param(bearer), Context())
        if "isAuthorized" in answer:
            return bool(answer["isAuthorized"])
        (statement,) = answer["policyDocument"]["Statement"]
        return bool(statement["Effect"] == "Allow")

    yield ask
    del sys.modules["handlers.authorizer"]
    verifier.cache_clear()


BAD_KEYS: dict[str, list[dict[str, Any]]] = {
    "a shared secret": [{"kty": "oct", "kid": "one", "k": base64url(b"s" * 32)}],
    "a key of 1024 bits": [jwk("one", bits=1024)],
    "a key with exponent 1": [jwk("one", e="AQ")],
    "one id twice": [jwk("one"), {**jwk("two"), "kid": "one"}],
    "a key for encryption": [jwk("one", use="enc")],
    "a key for another algorithm": [jwk("one", alg="RS512")],
    "a key for HMAC": [jwk("one", alg="HS256")],
    "a key for no algorithm": [jwk("one", alg="none")],
    "another curve": [ec_jwk("p384", kid="one")],
    "a point on no curve": [ec_jwk("p256", kid="one", y=base64url(b"\1" * 32))],
    "a private key": [jwk("one", d=base64url(b"\1" * 256))],
    "a private key of a curve": [ec_jwk("p256", kid="one", d=base64url(b"\1" * 32))],
    "a key without id": [{name: value for name, value in jwk("one").items() if name != "kid"}],
}
HUGE = b'{"keys": [' + b" " * 300_000 + b"]}"
FAULTS: dict[str, Callable[[Issuer], None]] = {
    "hangs": lambda issuer: issuer.hang(),
    "trickles its head": lambda issuer: issuer.trickle(b"HTTP/1.1 200 OK\r\nx-slow: ", b"a"),
    "trickles its body": lambda issuer: issuer.trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b" "),
    "trickles without end": lambda issuer: issuer.trickle(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "is broken": lambda issuer: issuer.say(key_set(jwk("one")), 500),
    "is overloaded": lambda issuer: issuer.say(b"", 429, retry_after="1"),
    "has nothing": lambda issuer: issuer.say(key_set(jwk("one")), 404),
    "answers 204": lambda issuer: issuer.say(b"", 204),
    "answers with HTML": lambda issuer: issuer.say(b"<html>Sign in to the network</html>", content_type="text/html"),
    "answers too much": lambda issuer: issuer.say(HUGE),
    "promises more than it sends": lambda issuer: issuer.say(key_set(jwk("one")), content_length="9999"),
    "redirects to its own keys": lambda issuer: issuer.say(key_set(jwk("one")), 302, location=issuer.url),
    "redirects to http for ever": lambda issuer: issuer.say(b"", 301, location="http://127.0.0.1:1/"),
    "answers with a list": lambda issuer: issuer.say(b"[]"),
    "answers with no keys": lambda issuer: issuer.say(b'{"keys": []}'),
    "answers with half a document": lambda issuer: issuer.say(key_set(jwk("one"))[:-9]),
    "answers with bytes": lambda issuer: issuer.say(bytes(range(256))),
    "answers with a key alone": lambda issuer: issuer.say(json.dumps(jwk("one")).encode()),
    "answers with certificates": lambda issuer: issuer.say(b'{"one": "-----BEGIN CERTIFICATE-----"}'),
}


@pytest.fixture(params=[*FAULTS, *BAD_KEYS])
def fail(request: pytest.FixtureRequest, issuer: Issuer) -> Callable[[], None]:
    """Return a function that makes the issuer fail in one way, or publish nothing but keys that are no good."""
    fault: str = request.param
    return lambda: FAULTS[fault](issuer) if fault in FAULTS else issuer.publish(*BAD_KEYS[fault])


def test_without_keys_it_is_an_outage_and_nobody_is_refused_until_it_is_over(
    admits: Admits, issuer: Issuer, clock: Clock, fail: Callable[[], None]
) -> None:
    """The gateway answers 500; 403 would be a statement about the caller. One try per cooldown."""
    fail()
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            admits(token("one"))
    assert issuer.fetches == 1

    issuer.publish(jwk("one"))
    clock.tick(COOLDOWN)

    assert admits(token("one"))


def test_known_keys_serve_on_while_the_issuer_fails_and_not_for_ever(
    admits: Admits, issuer: Issuer, clock: Clock, fail: Callable[[], None]
) -> None:
    assert admits(token("one"))
    fail()

    clock.tick(LIFETIME + 1)
    assert [admits(token("one")) for _ in range(3)] == [True] * 3
    assert not admits(token("two"))
    assert issuer.fetches == 2
    clock.tick(STALE - LIFETIME)
    with pytest.raises(KeysUnavailable):
        admits(token("one"))

    issuer.publish(jwk("one"))
    clock.tick(COOLDOWN)
    assert admits(token("one"))


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_who_trickles_is_hung_up_on(admits: Admits, issuer: Issuer, start: bytes) -> None:
    issuer.trickle(start, b"a")

    with pytest.raises(KeysUnavailable):
        admits(token("one"))

    assert issuer.given_up.wait(10)


def test_who_is_down_is_asked_again_once_a_cooldown_and_found_when_back(
    admits: Admits, issuer: Issuer, clock: Clock
) -> None:
    issuer.stop()
    with pytest.raises(KeysUnavailable):
        admits(token("one"))
    issuer.start()
    with pytest.raises(KeysUnavailable):
        admits(token("one"))
    clock.tick(COOLDOWN)
    assert admits(token("one"))

    issuer.stop()
    clock.tick(LIFETIME + 1)
    assert admits(token("one"))
    issuer.start()


def test_a_flood_of_unknown_ids_is_one_fetch_per_cooldown(admits: Admits, issuer: Issuer, clock: Clock) -> None:
    assert admits(token("one"))
    clock.tick(COOLDOWN)

    for minute in range(1, 4):
        assert not any(admits(token("one", {"kid": f"made-up-{i}"})) for i in range(20))
        assert admits(token("one"))
        assert issuer.fetches == 1 + minute
        clock.tick(COOLDOWN)


def test_a_new_key_is_accepted_without_a_restart_and_a_removed_one_ends(
    admits: Admits, issuer: Issuer, clock: Clock
) -> None:
    assert admits(token("one"))

    issuer.publish(jwk("one"), jwk("two"))
    clock.tick(COOLDOWN)
    assert admits(token("two"))
    assert admits(token("one"))

    issuer.publish(jwk("two"))
    clock.tick(LIFETIME + 1)
    assert not admits(token("one"))
    assert admits(token("two"))
    assert issuer.fetches == 3


def test_a_new_key_right_after_a_fetch_waits_for_the_cooldown(admits: Admits, issuer: Issuer, clock: Clock) -> None:
    assert admits(token("one"))
    issuer.publish(jwk("one"), jwk("two"))

    assert not admits(token("two"))
    clock.tick(COOLDOWN)
    assert admits(token("two"))


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key_beside_a_good_one_is_not_used_and_does_no_harm(
    admits: Admits, issuer: Issuer, bad: list[dict[str, Any]]
) -> None:
    issuer.publish(*bad, jwk("good"))

    assert admits(token("good"))
    assert not admits(token("one"))


def test_a_token_by_a_published_key_of_1024_bits_is_refused(admits: Admits, issuer: Issuer) -> None:
    issuer.publish(jwk("weak", bits=1024), jwk("good"))
    with pytest.warns(InsecureKeyLengthWarning):
        weak = jwt.encode(claims(), private_key("weak", 1024), "RS256", {"kid": "weak"})

    assert not admits(weak)


def test_no_valid_token_is_refused(admits: Admits, issuer: Issuer) -> None:
    sizes = (2048, 3072, 4096)
    issuer.publish(ec_jwk("p256"), *(jwk(f"rsa-{bits}", bits=bits) for bits in sizes))
    signed = [
        jwt.encode(claims(sub=f"s{i}"), private_key(f"rsa-{bits}", bits), "RS256", {"kid": f"rsa-{bits}"})
        for bits in sizes
        for i in range(25)
    ]
    signed += [jwt.encode(claims(sub=f"s{i}"), ec_private_key("p256"), "ES256", {"kid": "p256"}) for i in range(25)]

    assert [one for one in signed if not admits(one)] == []
    assert issuer.fetches == 1
