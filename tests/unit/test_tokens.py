"""Access tokens: the one kind that is accepted, and every kind that is refused (RFC 8725)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import hypothesis.strategies as st
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given

from adapters.tokens.keys import KeySource, KeysUnavailable
from adapters.tokens.verifier import LEEWAY, MAX_LENGTH, Verifier, _decoded, _object
from domain.errors import Unauthenticated
from tests.signing import CLIENT_ID, ISSUER, base64url, claims, ec_jwk, ec_private_key, jwk, key_set, private_key, token


def accepting(*algorithms: str) -> Verifier:
    document = key_set(jwk(), ec_jwk("p256"))
    keys = KeySource("https://keys", algorithms, fetch=lambda _: document)
    return Verifier(ISSUER, {CLIENT_ID, "client-2"}, algorithms, keys)


@pytest.fixture
def verifier() -> Verifier:
    return accepting("RS256")


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
        pytest.param({"cognito:groups": ["staff admin"]}, id="a group that would read as two"),
        pytest.param({"sub": ""}, id="an empty subject"),
        pytest.param({"username": 7}, id="a username that is no text"),
        pytest.param({"iss": ISSUER + "/"}, id="the issuer with a slash"),
        pytest.param({"client_id": [CLIENT_ID]}, id="a list of app clients"),
        pytest.param({"token_use": "refresh"}, id="a refresh token"),
        pytest.param({"exp": float("inf")}, id="no end ever"),
        pytest.param({"exp": -1}, id="an end before time began"),
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
        pytest.param({"typ": "jwt"}, id="a type in another case"),
        pytest.param({"cty": "JWT"}, id="a nested token"),
        pytest.param({"zip": "DEF"}, id="a compressed token"),
        pytest.param({"enc": "A256GCM"}, id="an encrypted token"),
        pytest.param({"x5t": "AQAB"}, id="x5t"),
        pytest.param({"kid": ""}, id="an empty kid"),
        pytest.param({"kid": "one\0"}, id="kid with a NUL"),
        pytest.param({"kid": "' OR 1=1 --"}, id="kid as SQL"),
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
        Verifier(ISSUER, {CLIENT_ID}, ["RS256"], KeySource("https://keys", ["RS256"], fetch=down)).verify(token())


def test_elliptic_curves_are_accepted_when_they_are_configured() -> None:
    signed = jwt.encode(claims(), ec_private_key("p256"), "ES256", {"kid": "p256"})

    assert accepting("RS256", "ES256").verify(signed)
    with pytest.raises(Unauthenticated):
        accepting("RS256").verify(signed)


def test_a_key_serves_its_own_algorithm_only() -> None:
    """An elliptic-curve token that names an RSA key, and the other way round."""
    verifier = accepting("RS256", "ES256")

    for private, algorithm, kid in ((ec_private_key("p256"), "ES256", "one"), (private_key(), "RS256", "p256")):
        with pytest.raises(Unauthenticated):
            verifier.verify(jwt.encode(claims(), private, algorithm, {"kid": kid}))


def test_a_signature_of_zeros_is_refused() -> None:
    """CVE-2022-21449, "psychic signatures": r and s zero."""
    unsigned = handmade({"alg": "ES256", "kid": "p256"}, claims()).removesuffix(".")

    with pytest.raises(Unauthenticated):
        accepting("ES256").verify(f"{unsigned}.{base64url(bytes(64))}")


def resigned(header: bytes, payload: bytes) -> str:
    """Return parts of any form under a good signature."""
    signed = f"{base64url(header)}.{base64url(payload)}"
    signature = private_key().sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{base64url(signature)}"


GOOD_HEADER = b'{"alg":"RS256","kid":"one"}'


def saying(*more: bytes) -> bytes:
    """Return the claims of a good token, with members before them."""
    return b"{" + b",".join([*more, json.dumps(claims()).encode()[1:]])


def test_parts_that_are_plain_are_accepted(verifier: Verifier) -> None:
    assert verifier.verify(resigned(GOOD_HEADER, saying()))
    assert verifier.verify(resigned(GOOD_HEADER, saying(b'"more":[{"plain":0.5}]')))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b'{"alg":"RS256","kid":"two","kid":"one"}', id="kid twice"),
        pytest.param(b'{"alg":"none","alg":"RS256","kid":"one"}', id="alg twice"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"alg":["RS256"],"kid":"one"}', id="a list of algorithms"),
        pytest.param(b'{"alg":"RS256","kid":["one"]}', id="a list of kids"),
        pytest.param(b'{"alg":"rs256","kid":"one"}', id="an algorithm in another case"),
        pytest.param(b'{"alg":"RS256 ","kid":"one"}', id="an algorithm with a space"),
        pytest.param(b'{"alg":"","kid":"one"}', id="an empty algorithm"),
        pytest.param(b'{"kid":"one"}', id="no algorithm"),
        pytest.param(b'{"alg":null,"kid":"one"}', id="a null algorithm"),
        pytest.param(GOOD_HEADER.decode().encode("utf-16"), id="UTF-16"),
    ],
)
def test_a_header_that_is_signed_but_not_plain_is_refused(verifier: Verifier, header: bytes) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(resigned(header, saying()))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(saying(b'"sub":"somebody-else"'), id="subject twice"),
        pytest.param(saying(b'"more":{"a":1,"a":2}'), id="a name twice further down"),
        pytest.param(saying(b'"more":NaN'), id="NaN"),
        pytest.param(saying(b'"more":Infinity'), id="Infinity"),
        pytest.param(saying(b'"more":[-Infinity]'), id="-Infinity"),
        pytest.param(b"[" + saying() + b"]", id="a list"),
        pytest.param(b'"claims"', id="a text"),
        pytest.param(saying(b'"more":"\xff"'), id="no UTF-8"),
        pytest.param(saying(b'"more":"\xed\xa0\x80"'), id="half a character"),
        pytest.param(saying().decode().encode("utf-16"), id="UTF-16"),
        pytest.param(json.dumps(claims(iss=[ISSUER])).encode(), id="a list of issuers"),
    ],
)
def test_claims_that_are_signed_but_not_plain_are_refused(verifier: Verifier, payload: bytes) -> None:
    """Each says all that a good token says; PyJWT alone takes most of them."""
    with pytest.raises(Unauthenticated):
        verifier.verify(resigned(GOOD_HEADER, payload))


def test_json_that_is_nested_too_deeply_to_read_is_refused() -> None:
    """How deep that is differs between versions of Python; with 3.11 a token is long enough for it."""
    with pytest.raises(Unauthenticated):
        _object(b'{"more":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


@pytest.mark.parametrize("part", ["QQ", "QUI", "QUJD", "", "-_-_"])
def test_a_parts_one_spelling_is_decoded(part: str) -> None:
    assert base64url(_decoded(part)) == part


@pytest.mark.parametrize("part", ["QR", "QUJ", "QUJDR", "Q", "QQ==", "QQ=", "Q Q", "+/+/", "QQ\n"])
def test_a_parts_other_spellings_are_refused(part: str) -> None:
    """RFC 4648, section 3.5; most decoders take them, so that one signed text would have many spellings."""
    with pytest.raises(Unauthenticated):
        _decoded(part)


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256"}, {"typ": "JOSE"}, {"kid": 1}, {"jku": "https://x"}]
)
def test_no_keys_are_fetched_for_a_header_that_cannot_be_right(header: dict[str, Any]) -> None:
    def fetch(_: str) -> bytes:
        raise AssertionError("keys were fetched")

    verifier = Verifier(ISSUER, {CLIENT_ID}, ["RS256"], KeySource("https://keys", ["RS256"], fetch=fetch))

    with pytest.raises(Unauthenticated):
        verifier.verify(handmade({"alg": "RS256", "kid": "one"} | header, claims(), b"signed"))


def altered(how: str) -> str:
    """Return a good token in another spelling."""
    good = token()
    header, payload, signature = good.split(".")
    last = {"A": "B", "Q": "R", "g": "h", "w": "x"}  # 256 bytes leave 4 spare bits, all zero in a canonical spelling
    return {
        "padded": f"{header}.{payload}.{signature}==",
        "padded inside": f"{header}=.{payload}.{signature}",
        "standard base64": good.replace("-", "+").replace("_", "/") + "+",
        "spare bits set": f"{header}.{payload}.{signature[:-1]}{last[signature[-1]]}",
        "a space before": f" {good}",
        "a line end after": f"{good}\n",
        "a NUL after": f"{good}\0",
        "four parts": f"{good}.{signature}",
        "five parts, as an encrypted token": f"{good}.a.b",
        "two parts": f"{header}.{payload}",
        "no signature": f"{header}.{payload}.",
        "no header": f".{payload}.{signature}",
        "JSON-serialised": json.dumps({"payload": payload, "protected": header, "signature": signature}),
        "a quoted token": f'"{good}"',
        "a token in a token": f"{header}.{base64url(good.encode())}.{signature}",
        "a truncated signature": f"{header}.{payload}.{signature[:-4]}",
        "percent-encoded dots": good.replace(".", "%2E"),
        "letters that look alike": good.replace("e", "\u0435", 1),
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "padded",
        "padded inside",
        "standard base64",
        "spare bits set",
        "a space before",
        "a line end after",
        "a NUL after",
        "four parts",
        "five parts, as an encrypted token",
        "two parts",
        "no signature",
        "no header",
        "JSON-serialised",
        "a quoted token",
        "a token in a token",
        "a truncated signature",
        "percent-encoded dots",
        "letters that look alike",
    ],
)
def test_other_spellings_of_a_good_token_are_refused(verifier: Verifier, how: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(altered(how))


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_tokens_of_every_usual_key_size_are_accepted(bits: int) -> None:
    document = key_set(jwk(bits=bits))
    keys = KeySource("https://keys", ["RS256"], fetch=lambda _: document)
    signed = jwt.encode(claims(), private_key(bits=bits), "RS256", {"kid": "one"})

    assert Verifier(ISSUER, {CLIENT_ID}, ["RS256"], keys).verify(signed)


def test_rotated_keys_need_no_restart() -> None:
    published, time_now = [jwk("old")], [0.0]
    keys = KeySource("https://keys", ["RS256"], fetch=lambda _: key_set(*published), monotonic=lambda: time_now[0])
    verifier = Verifier(ISSUER, {CLIENT_ID}, ["RS256"], keys)
    verifier.verify(token("old"))

    published.append(jwk("new"))
    time_now[0] += 31

    assert verifier.verify(token("new"))
    assert verifier.verify(token("old"))


ABOUT_NOW = st.one_of(
    st.integers(-3600, -LEEWAY - 2), st.integers(-LEEWAY + 2, LEEWAY - 2), st.integers(LEEWAY + 2, 3600)
)
"""Seconds from now, none so near a bound that the clock may pass it meanwhile."""


@given(exp=ABOUT_NOW, iat=ABOUT_NOW, nbf=st.none() | ABOUT_NOW, iss=st.sampled_from([ISSUER, f"{ISSUER}/", "", None]))
def test_times_and_issuer_are_judged_as_pyjwt_judges_them(exp: int, iat: int, nbf: int | None, iss: str | None) -> None:
    now = int(time.time())
    times = {"exp": now + exp, "iat": now + iat, "nbf": None if nbf is None else now + nbf}
    signed = token(iss=iss, **times)
    options: Any = {"require": ["exp", "iat", "iss", "sub"], "verify_aud": False}
    try:
        jwt.decode(signed, private_key().public_key(), ["RS256"], issuer=ISSUER, leeway=LEEWAY, options=options)
    except jwt.PyJWTError:
        with pytest.raises(Unauthenticated):
            accepting("RS256").verify(signed)
    else:
        assert accepting("RS256").verify(signed).exp == now + exp
