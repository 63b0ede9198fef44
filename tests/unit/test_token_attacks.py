"""Published attacks on other verifiers, by name; none may pass here. Every token is good but for the attack."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import zlib
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.tokens.keys import KeySource
from adapters.tokens.verifier import Verifier
from domain.errors import Unauthenticated
from tests.signing import CLIENT_ID, ISSUER, base64url, claims, ec_jwk, ec_private_key, jwk, key_set, private_key, token

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@pytest.fixture
def verifier() -> Verifier:
    """Return a verifier that takes both algorithms, and would rather not fetch keys for an attacker."""
    document = key_set(jwk("one"), ec_jwk("p256"))
    keys = KeySource("https://keys", ["RS256", "ES256"], fetch=lambda _: document)
    return Verifier(ISSUER, {CLIENT_ID}, ["RS256", "ES256"], keys)


def encoded(part: Any) -> str:
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def unsigned(header: Any, payload: Any = None) -> str:
    return f"{encoded(header)}.{encoded(claims() if payload is None else payload)}"


def signed(header: Any, payload: Any = None, key: str = "one") -> str:
    """Return a token of any header and payload, with a good RS256 signature."""
    text = unsigned(header, payload)
    return f"{text}.{base64url(private_key(key).sign(text.encode(), PKCS1v15(), SHA256()))}"


def hmac_signed(algorithm: str, secret: bytes, kid: str = "one") -> str:
    text = unsigned({"alg": algorithm, "kid": kid})
    return f"{text}.{base64url(hmac.new(secret, text.encode(), HASHES[algorithm]).digest())}"


def header(**other: Any) -> dict[str, Any]:
    return {"alg": "RS256", "kid": "one", **other}


def public(encoding: Encoding, form: PublicFormat, kid: str = "one") -> bytes:
    key = private_key() if kid == "one" else ec_private_key(kid)
    return key.public_key().public_bytes(encoding, form)


def test_without_an_attack_they_pass(verifier: Verifier) -> None:
    assert verifier.verify(signed(header()))
    assert verifier.verify(jwt.encode(claims(), ec_private_key("p256"), "ES256", {"kid": "p256"}))


SPKI, PKCS1, SSH = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1, PublicFormat.OpenSSH
PEM, DER = Encoding.PEM, Encoding.DER
SECRETS: dict[str, Callable[[], tuple[bytes, str]]] = {
    "CVE-2015-9235, the key as PEM": lambda: (public(PEM, SPKI), "one"),
    "CVE-2015-9235, the key as PEM without its last line end": lambda: (public(PEM, SPKI).strip(), "one"),
    "CVE-2016-10555, the key as DER": lambda: (public(DER, SPKI), "one"),
    "CVE-2017-11424, the key as PKCS 1": lambda: (public(PEM, PKCS1), "one"),
    "CVE-2022-29217, the key as OpenSSH writes it": lambda: (public(Encoding.OpenSSH, SSH), "one"),
    "CVE-2023-48223, the key after a blank": lambda: (b" " + public(PEM, SPKI), "one"),
    "CVE-2024-33663, a curve's key as PEM": lambda: (public(PEM, SPKI, "p256"), "p256"),
    "CVE-2024-33663, a curve's key as DER": lambda: (public(DER, SPKI, "p256"), "p256"),
    "CVE-2024-33663, a curve's key as OpenSSH writes it": lambda: (public(Encoding.OpenSSH, SSH, "p256"), "p256"),
    "CVE-2024-33663, a curve's point": lambda: (public(Encoding.X962, PublicFormat.UncompressedPoint, "p256"), "p256"),
    "the key as JWK": lambda: (json.dumps(jwk("one")).encode(), "one"),
    "the key set": lambda: (key_set(jwk("one"), ec_jwk("p256")), "one"),
    "the modulus": lambda: (jwk("one")["n"].encode(), "one"),
    "CVE-2019-20933, an empty secret": lambda: (b"", "one"),
    "a secret from a tutorial": lambda: (b"secret", "one"),
    "the key id": lambda: (b"one", "one"),
}


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_public_is_a_shared_secret(verifier: Verifier, secret: str, algorithm: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(hmac_signed(algorithm, *SECRETS[secret]()))


@pytest.mark.parametrize("signature", ["", "AA", "c2ln"])
@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param("none", id="CVE-2015-9235"),
        pytest.param("None", id="CVE-2022-23540"),
        pytest.param("NONE", id="CVE-2018-1000531"),
        *("nOnE", "none ", "\u006e\u043ene", "non\u0435", "null", "", "undefined", "plain"),
    ],
)
def test_no_algorithm_is_no_algorithm(verifier: Verifier, algorithm: str, signature: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(f"{unsigned(header(alg=algorithm))}.{signature}")


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (P256_ORDER, P256_ORDER),
        (0, P256_ORDER),
        (P256_ORDER, 0),
        (2**256 - 1, 2**256 - 1),
    ],
    ids=["0 0", "0 1", "1 0", "1 1", "n n", "0 n", "n 0", "max max"],
)
def test_cve_2022_21449_psychic_signatures(verifier: Verifier, r: int, s: int) -> None:
    text = unsigned({"alg": "ES256", "kid": "p256"})

    with pytest.raises(Unauthenticated):
        verifier.verify(f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}")


@pytest.mark.parametrize(
    "signature", [b"", b"\0", b"\x30\x06\x02\x01\x00\x02\x01\x00", bytes(63), bytes(65), bytes(128)]
)
def test_a_curves_signature_has_its_one_form(verifier: Verifier, signature: bytes) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(f"{unsigned({'alg': 'ES256', 'kid': 'p256'})}.{base64url(signature)}")


def mixed() -> str:
    """Return a token whose compact reading is forged and whose JSON reading is genuine (CVE-2022-39227)."""
    head, payload, signature = token().split(".")
    forged = encoded(claims(sub="somebody-else"))
    return f'{{" {head}.{forged}.":"","protected":"{head}","payload":"{payload}","signature":"{signature}"}}'


def genuine(kind: str) -> str:
    head, payload, signature = token().split(".")
    return {
        "flattened": json.dumps({"protected": head, "payload": payload, "signature": signature}),
        "general": json.dumps({"payload": payload, "signatures": [{"protected": head, "signature": signature}]}),
        "detached": f"{head}..{signature}",
        "swapped": f"{payload}.{head}.{signature}",
        "signed by the payload": f"{head}.{payload}.{payload}",
    }[kind]


ATTACKS: dict[str, Callable[[], str]] = {
    "CVE-2018-0114, a key in the header": lambda: signed(header(jwk=jwk("evil")), key="evil"),
    "CVE-2018-0114, a key in the header and its id": lambda: signed(header(jwk=jwk("evil"), kid="evil"), key="evil"),
    "CVE-2018-0114, a good key in the header": lambda: signed(header(jwk=jwk("one"))),
    "CVE-2018-0114, a key in the header and no id": lambda: signed({"alg": "RS256", "jwk": jwk("evil")}, key="evil"),
    "an address of keys": lambda: signed(header(jku="https://evil.example/jwks.json"), key="evil"),
    "an address of keys within the issuer's": lambda: signed(header(jku=f"{ISSUER}@evil.example"), key="evil"),
    "a certificate": lambda: signed(header(x5c=["MIIB"]), key="evil"),
    "an address of a certificate": lambda: signed(header(x5u="http://169.254.169.254/latest"), key="evil"),
    "a certificate's thumbprint": lambda: signed(header(x5t="AQAB")),
    "a certificate's thumbprint by SHA-256": lambda: signed(header(**{"x5t#S256": "AQAB"})),
    "CVE-2020-28042, no signature": lambda: f"{unsigned(header())}.",
    "CVE-2022-25898, more after the signature": lambda: f"{token()}AAAA",
    "CVE-2022-39227, two serialisations in one": mixed,
    "JWS in JSON, flattened": lambda: genuine("flattened"),
    "JWS in JSON, general": lambda: genuine("general"),
    "a detached payload (RFC 7515, appendix F)": lambda: genuine("detached"),
    "header and payload swapped": lambda: genuine("swapped"),
    "the payload as its own signature": lambda: genuine("signed by the payload"),
    "RFC 7797, a payload that is not encoded": lambda: signed(header(b64=False, crit=["b64"])),
    "RFC 7797, without saying that it is critical": lambda: signed(header(b64=False)),
    "CVE-2025-59420, an extension that must be understood": lambda: signed(header(crit=["exp"], exp=0)),
    "an empty list of extensions": lambda: signed(header(crit=[])),
    "CVE-2024-33664, a compressed payload": lambda: signed(header(zip="DEF"), zlib.compress(bytes(1_000_000))),
    "CVE-2024-33664, a compressed encrypted token": lambda: f"{encoded(header(zip='DEF', enc='A256GCM'))}.A.B.C.D",
    "CVE-2023-50966, a billion rounds": lambda: (
        f"{unsigned({'alg': 'PBES2-HS256+A128KW', 'p2c': 10**9, 'p2s': 'AA'})}.AA"
    ),
    "a nested token": lambda: signed(header(cty="JWT"), token().encode()),
    "a token for logging out": lambda: signed(header(typ="logout+jwt")),
    "a proof of possession": lambda: signed(header(typ="dpop+jwt")),
    "a token of an event": lambda: signed(header(typ="secevent+jwt")),
    "a type that is no text": lambda: signed(header(typ=["JWT"])),
    "CVE-2025-61920, a header without end": lambda: signed(header(typ="J" * 100_000)),
    "CVE-2025-30144, a list with our issuer": lambda: signed(header(), claims(iss=["https://evil.example", ISSUER])),
    "CVE-2024-53861, a part of our issuer": lambda: signed(header(), claims(iss=ISSUER[:-1])),
    "CVE-2024-53861, one letter of our issuer": lambda: signed(header(), claims(iss="h")),
    "an empty issuer": lambda: signed(header(), claims(iss="")),
    "our issuer and more": lambda: signed(header(), claims(iss=f"{ISSUER}.evil.example")),
    "our issuer as a user's name": lambda: signed(header(), claims(iss=f"{ISSUER}@evil.example")),
    "our issuer in capitals": lambda: signed(header(), claims(iss=ISSUER.upper())),
    "our issuer over http": lambda: signed(header(), claims(iss=ISSUER.replace("https", "http"))),
    "our issuer with a blank": lambda: signed(header(), claims(iss=f"{ISSUER} ")),
    "our issuer with a port": lambda: signed(header(), claims(iss=ISSUER.replace(".com/", ".com:443/"))),
    "our issuer in another script": lambda: signed(header(), claims(iss=ISSUER.replace("o", "\u043e"))),
    "CVE-2020-26160, an audience of nobody": lambda: signed(header(), claims(aud=[])),
    "somebody else's audience": lambda: signed(header(), claims(aud="client-9")),
    "a list of other audiences": lambda: signed(header(), claims(aud=["client-9", "client-8"])),
    "an audience that is no text": lambda: signed(header(), claims(aud={CLIENT_ID: True})),
    "an empty audience": lambda: signed(header(), claims(aud="")),
    "an audience that contains ours": lambda: signed(header(), claims(aud=f"{CLIENT_ID}9")),
    "another client, and our audience": lambda: signed(header(), claims(client_id="client-9", aud=CLIENT_ID)),
    "a client that contains ours": lambda: signed(header(), claims(client_id=f"{CLIENT_ID}9")),
    "a client that is part of ours": lambda: signed(header(), claims(client_id=CLIENT_ID[:-1])),
    "a client as an object": lambda: signed(header(), claims(client_id={CLIENT_ID: 1})),
    "an id token's claims": lambda: signed(header(), claims(token_use="id", aud=CLIENT_ID, client_id=None)),
    "two uses": lambda: signed(header(), claims(token_use=["access", "id"])),
    "a use in capitals": lambda: signed(header(), claims(token_use="ACCESS")),
    "a subject in a list": lambda: signed(header(), claims(sub=["subject-1"])),
    "a subject as an object": lambda: signed(header(), claims(sub={"$ne": None})),
    "a subject that is true": lambda: signed(header(), claims(sub=True)),
    "groups as an object": lambda: signed(header(), claims(**{"cognito:groups": {"admin": True}})),
    "a group in a list in a list": lambda: signed(header(), claims(**{"cognito:groups": [["admin"]]})),
    "a group with a tab": lambda: signed(header(), claims(**{"cognito:groups": ["staff\tadmin"]})),
    "an empty group": lambda: signed(header(), claims(**{"cognito:groups": [""]})),
    "no claims": lambda: signed(header(), {}),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_published_attacks_fail(verifier: Verifier, attack: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(ATTACKS[attack]())


NOW = int(time.time())
TIMES = {
    "text": str(NOW + 3600),
    "text with a blank": f" {NOW + 3600} ",
    "text with underscores": "9_999_999_999",
    "a date": "2099-01-01T00:00:00Z",
    "true": True,
    "false": False,
    "a list": [NOW + 3600],
    "an object": {"seconds": NOW + 3600},
    "huge": 10**18,
    "huge and broken": 1e300,
    "milliseconds": (NOW + 3600) * 1000,
    "negative": -(NOW + 3600),
    "zero": 0,
    "empty": "",
}


@pytest.mark.parametrize("value", TIMES)
def test_a_token_ends_at_a_time(verifier: Verifier, value: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token(exp=TIMES[value]))


@pytest.mark.parametrize("value", [one for one in TIMES if one != "zero"])
@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_begins_at_a_time(verifier: Verifier, claim: str, value: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token(**{claim: TIMES[value]}))


def test_times_may_have_fractions_of_a_second(verifier: Verifier) -> None:
    """RFC 7519, section 2, NumericDate."""
    assert verifier.verify(token(exp=NOW + 3600.5, iat=NOW - 0.5, nbf=NOW - 0.5)).exp == NOW + 3600


def test_our_own_audience_is_ours(verifier: Verifier) -> None:
    assert verifier.verify(token(aud=CLIENT_ID))
    assert verifier.verify(token(aud=["https://another.example", CLIENT_ID]))


@pytest.mark.parametrize(
    "kid",
    [
        pytest.param("../../../dev/null", id="a path"),
        pytest.param("/dev/null", id="an absolute path"),
        pytest.param("file:///dev/null", id="a file's URL"),
        pytest.param("http://169.254.169.254/latest/meta-data", id="a URL"),
        pytest.param("x' UNION SELECT 'secret", id="SQL"),
        pytest.param("one; id", id="a command"),
        pytest.param("$(id)", id="a shell's substitution"),
        pytest.param("${jndi:ldap://evil.example/a}", id="CVE-2021-44228"),
        pytest.param("one\0", id="NUL after it"),
        pytest.param("one\n", id="a line end after it"),
        pytest.param(" one", id="a blank before it"),
        pytest.param("ONE", id="in capitals"),
        pytest.param("\uff4fne", id="in full width"),
        pytest.param("one,p256", id="two"),
        pytest.param("*", id="any"),
        pytest.param("__proto__", id="a prototype"),
        pytest.param("x" * 5000, id="very long"),
        pytest.param("", id="empty"),
        pytest.param(1, id="a number"),
        pytest.param(True, id="true"),
        pytest.param(None, id="null"),
        pytest.param(["one"], id="a list"),
        pytest.param({"one": 1}, id="an object"),
    ],
)
def test_a_key_id_names_a_published_key_or_nothing(verifier: Verifier, kid: Any) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(signed(header(kid=kid)))


def respelled(how: str) -> str:
    good = token()
    head, payload, signature = good.split(".")
    return {
        "a full-width dot": good.replace(".", "\uff0e"),
        "an ideographic dot": good.replace(".", "\u3002"),
        "a dot more at the end": f"{good}.",
        "a dot more at the start": f".{good}",
        "two dots between": f"{head}..{payload}.{signature}",
        "a tab": f"{head}.\t{payload}.{signature}",
        "a line end within": f"{head}.{payload[:8]}\n{payload[8:]}.{signature}",
        "a line end and a blank, as folded headers have": f"{head}.{payload}\r\n .{signature}",
        "a blank after": f"{good} ",
        "a byte order mark": f"\ufeff{good}",
        "a zero-width blank": f"{head}\u200b.{payload}.{signature}",
        "padding everywhere": ".".join(f"{part}=" for part in (head, payload, signature)),
        "two tokens": f"{good},{good}",
        "two tokens with a blank": f"{good} {good}",
        "percent-encoded": f"%65{good[1:]}",
        "the standard alphabet": ".".join((head, payload, signature.replace("-", "+").replace("_", "/") + "+")),
        "the alphabet of IMAP": ".".join((head, payload, signature.replace("_", ",") + ",")),
        "in base32": ".".join((base64.b32encode(head.encode()).decode(), payload, signature)),
        "in hexadecimal": ".".join((head, payload, signature.encode().hex())),
        "in capitals": good.upper(),
        "backwards": good[::-1],
        "a scheme within": f"Bearer {good}",
        "a comment": f"{good}#",
        "a JSON text": json.dumps(good),
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "a full-width dot",
        "an ideographic dot",
        "a dot more at the end",
        "a dot more at the start",
        "two dots between",
        "a tab",
        "a line end within",
        "a line end and a blank, as folded headers have",
        "a blank after",
        "a byte order mark",
        "a zero-width blank",
        "padding everywhere",
        "two tokens",
        "two tokens with a blank",
        "percent-encoded",
        "the standard alphabet",
        "the alphabet of IMAP",
        "in base32",
        "in hexadecimal",
        "in capitals",
        "backwards",
        "a scheme within",
        "a comment",
        "a JSON text",
    ],
)
def test_a_token_has_one_spelling(verifier: Verifier, how: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(respelled(how))


def test_cve_2019_7644_a_refusal_tells_no_signature(verifier: Verifier) -> None:
    """What a wrong signature should have been is nobody's business, in the log either."""
    head, payload, signature = token().split(".")
    forged = f"{head}.{encoded(claims(sub='somebody-else'))}.{signature}"

    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(forged)

    assert not [part for part in (head, payload, *forged.split(".")) if part in str(refused.value)]


def test_a_private_key_of_the_attackers_own_opens_nothing(verifier: Verifier) -> None:
    for kid in ("one", "p256", "evil"):
        with pytest.raises(Unauthenticated):
            verifier.verify(jwt.encode(claims(), private_key("evil"), "RS256", {"kid": kid}))
