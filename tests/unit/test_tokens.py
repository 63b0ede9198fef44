"""Access tokens: the one kind that is accepted, and every kind that is refused (RFC 8725)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.tokens.keys import KeySource, KeysUnavailable
from adapters.tokens.verifier import LEEWAY, MAX_LENGTH, Verifier
from domain.errors import Unauthenticated
from tests.signing import CLIENT_ID, ISSUER, base64url, claims, jwk, key_set, private_key, token


@pytest.fixture
def verifier() -> Verifier:
    return Verifier(ISSUER, {CLIENT_ID, "client-2"}, KeySource("https://keys", fetch=lambda _: key_set(jwk())))


def handmade(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    parts = [base64url(json.dumps(part).encode()) for part in (header, body)]
    return ".".join([*parts, base64url(signature)])


def test_a_good_token_says_who_bears_it(verifier: Verifier) -> None:
    said = verifier.verify(token())

    assert (said.sub, said.username, said.client_id) == ("subject-1", "ann", CLIENT_ID)
    assert (list(said.groups), said.scope) == (["admin", "staff"], "aws.cognito.signin.user.admin")
    assert said.exp == pytest.approx(time.time() + 3600, abs=5)


def test_groups_username_and_scope_may_be_missing(verifier: Verifier) -> None:
    said = verifier.verify(token(username=None, scope=None, **{"cognito:groups": None}))

    assert (said.username, said.scope, list(said.groups)) == ("", "", [])


def test_each_app_client_of_ours_is_accepted(verifier: Verifier) -> None:
    assert verifier.verify(token(client_id="client-2")).client_id == "client-2"


@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
def test_types_of_access_tokens_are_accepted(verifier: Verifier, typ: str) -> None:
    assert verifier.verify(token(headers={"typ": typ}))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_other"}, id="another issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"client_id": "client-3"}, id="another app client"),
        pytest.param({"client_id": None}, id="no app client"),
        pytest.param({"token_use": "id"}, id="an id token"),
        pytest.param({"token_use": None}, id="no use"),
        pytest.param({"exp": int(time.time()) - LEEWAY - 60}, id="expired"),
        pytest.param({"exp": None}, id="no expiry"),
        pytest.param({"exp": "soon"}, id="an expiry that is no time"),
        pytest.param({"iat": None}, id="no time of issue"),
        pytest.param({"iat": int(time.time()) + 3600}, id="issued in the future"),
        pytest.param({"nbf": int(time.time()) + 3600}, id="not valid yet"),
        pytest.param({"sub": None}, id="no subject"),
        pytest.param({"sub": 7}, id="a subject that is no text"),
        pytest.param({"cognito:groups": "admin"}, id="groups that are no list"),
        pytest.param({"cognito:groups": [1]}, id="groups that are no names"),
    ],
)
def test_wrong_claims_are_refused(verifier: Verifier, wrong: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token(**wrong))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"jwk": jwk("two")}, id="jwk"),
        pytest.param({"jku": "https://elsewhere/keys"}, id="jku"),
        pytest.param({"x5c": ["MIIB"]}, id="x5c"),
        pytest.param({"x5u": "https://elsewhere/certificate"}, id="x5u"),
        pytest.param({"crit": ["exp"]}, id="crit"),
        pytest.param({"b64": False, "crit": ["b64"]}, id="b64"),
        pytest.param({"typ": "JOSE"}, id="another type"),
        pytest.param({"kid": "unknown"}, id="unknown kid"),
        pytest.param({"kid": "../../etc/passwd"}, id="kid as a path"),
    ],
)
def test_wrong_headers_are_refused(verifier: Verifier, header: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token(headers=header))


def test_a_token_without_kid_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(jwt.encode(claims(), private_key(), "RS256"))


def test_an_unsigned_token_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(handmade({"alg": "none", "kid": "one"}, claims()))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_the_public_key_does_not_pass_as_a_shared_secret(verifier: Verifier, encoding: Encoding) -> None:
    secret = private_key().public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    unsigned = handmade({"alg": "HS256", "kid": "one"}, claims()).removesuffix(".")
    signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()

    with pytest.raises(Unauthenticated):
        verifier.verify(f"{unsigned}.{base64url(signature)}")


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_other_algorithms_of_the_same_key_are_refused(verifier: Verifier, algorithm: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(jwt.encode(claims(), private_key(), algorithm, {"kid": "one"}))


def test_a_tampered_payload_is_refused(verifier: Verifier) -> None:
    header, _, signature = token().split(".")
    payload = base64url(json.dumps(claims(sub="somebody-else")).encode())

    with pytest.raises(Unauthenticated):
        verifier.verify(f"{header}.{payload}.{signature}")


def test_a_signature_by_another_key_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(jwt.encode(claims(), private_key("two"), "RS256", {"kid": "one"}))


def test_a_token_that_is_too_long_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token(scope="x" * MAX_LENGTH))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "Bearer", "ä.ö.ü", "e30.e30.", "W10.W10.x", "\0"])
def test_what_is_no_token_is_refused(verifier: Verifier, text: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(text)


def test_clocks_may_differ_a_little(verifier: Verifier) -> None:
    assert verifier.verify(token(exp=int(time.time()) - 1))


def test_without_keys_nobody_is_called_unauthenticated() -> None:
    """An outage of the issuer is no statement about the caller."""

    def down(_: str) -> bytes:
        raise OSError

    with pytest.raises(KeysUnavailable):
        Verifier(ISSUER, {CLIENT_ID}, KeySource("https://keys", fetch=down)).verify(token())
