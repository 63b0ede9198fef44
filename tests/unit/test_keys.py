"""Signing keys: which are usable, how rarely they are fetched, and how long they serve."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.tokens.keys import MAX_BYTES, Fetch, KeySource, KeysUnavailable, parse_keys
from tests.signing import base64url, ec_jwk, jwk, key_set, private_key

ALGORITHMS = ("RS256",)
fetch_locally = Fetch(allow_http=True)


class Issuer:
    """Publishes key sets, or is down; counts how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.document = key_set(*keys)
        self.down = False
        self.fetches = 0
        self.time = 1000.0

    def fetch(self, _: str) -> bytes:
        self.fetches += 1
        if self.down:
            raise TimeoutError("no answer")
        return self.document

    def source(self) -> KeySource:
        return KeySource(
            "https://keys",
            ALGORITHMS,
            fetch=self.fetch,
            monotonic=lambda: self.time,
            lifetime=3600,
            cooldown=30,
            stale=86_400,
        )


def test_keys_are_fetched_at_the_first_need_and_kept() -> None:
    issuer = Issuer(jwk("one"), jwk("two"))
    keys = issuer.source()
    assert issuer.fetches == 0

    assert keys.key("one")
    assert keys.key("two")
    issuer.time += 3600
    assert keys.key("one")

    assert issuer.fetches == 1


def test_old_keys_are_fetched_again() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.source()
    keys.key("one")

    issuer.time += 3601
    keys.key("one")

    assert issuer.fetches == 2


def test_a_rotated_key_is_found_and_the_withdrawn_one_is_gone() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.source()
    keys.key("one")
    issuer.document = key_set(jwk("two"))
    issuer.time += 30

    assert keys.key("two")
    assert keys.key("one") is None


def test_unknown_ids_cause_one_fetch_within_the_cooldown() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.source()
    keys.key("one")
    issuer.time += 30

    assert [keys.key(f"made-up-{i}") for i in range(50)] == [None] * 50
    assert issuer.fetches == 2

    issuer.time += 30
    keys.key("made-up")
    assert issuer.fetches == 3


def test_a_failed_try_starts_the_cooldown_too() -> None:
    issuer = Issuer(jwk("one"))
    issuer.down = True
    keys = issuer.source()
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            keys.key("one")
    assert issuer.fetches == 1

    issuer.down = False
    issuer.time += 30
    assert keys.key("one")


def test_known_keys_outlive_an_outage() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.source()
    keys.key("one")
    issuer.down = True
    issuer.time += 86_400

    assert keys.key("one")
    assert keys.key("unknown") is None


def test_known_keys_outlive_an_answer_that_is_no_key_set() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.source()
    keys.key("one")
    issuer.document = b"<html>Bad Gateway</html>"
    issuer.time += 3601

    assert keys.key("one")


def test_keys_do_not_serve_for_ever() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.source()
    keys.key("one")
    issuer.down = True
    issuer.time += 86_401

    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            keys.key("one")


@pytest.mark.parametrize(
    "unusable",
    [
        pytest.param(jwk(use="enc"), id="for encryption"),
        pytest.param(jwk(alg="RS512"), id="for another algorithm"),
        pytest.param(jwk(key_ops=["encrypt"]), id="for another operation"),
        pytest.param(jwk(kid=None), id="without id"),
        pytest.param(jwk(kty="EC"), id="of another type"),
        pytest.param(jwk("short", bits=1024), id="of 1024 bits"),
        pytest.param(jwk(n="AQAB*"), id="with a broken modulus"),
        pytest.param(jwk(e="AA"), id="with exponent 0"),
        pytest.param({"kty": "oct", "kid": "one", "k": "c2VjcmV0"}, id="a shared secret"),
    ],
)
def test_keys_for_anything_else_are_not_used(unusable: dict[str, Any]) -> None:
    assert list(parse_keys(key_set(unusable, jwk("good")), ALGORITHMS)) == ["good"]
    with pytest.raises(KeysUnavailable):
        parse_keys(key_set(unusable), ALGORITHMS)


def test_optional_members_may_be_missing() -> None:
    assert list(parse_keys(key_set(jwk(use=None, alg=None)), ALGORITHMS)) == ["one"]
    assert list(parse_keys(key_set(jwk(key_ops=["verify"])), ALGORITHMS)) == ["one"]


def test_of_two_keys_with_one_id_neither_is_used() -> None:
    again = {**jwk("two"), "kid": "one"}

    assert list(parse_keys(key_set(jwk("one"), again, jwk("three")), ALGORITHMS)) == ["three"]


@pytest.mark.parametrize(
    "document",
    [b"", b"\xff", b"[]", b"7", b"{}", b'{"keys": 7}', b'{"keys": [7]}', b'{"keys": []}', b'{"keys": [{}]}'],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        parse_keys(document, ALGORITHMS)


@pytest.mark.parametrize(
    "url",
    ["http://keys.example.com/jwks", "http://127.0.0.1/jwks", "file:///etc/passwd", "ftp://127.0.0.1/k", "data:,{}"],
)
def test_keys_come_over_https(url: str) -> None:
    with pytest.raises(KeysUnavailable, match="https"):
        Fetch()(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/k", "data:,{}"])
def test_a_laptop_may_use_http_and_nothing_else(url: str) -> None:
    with pytest.raises(KeysUnavailable, match="https"):
        fetch_locally(url)


def test_a_redirect_is_not_followed() -> None:
    """It could lead from https to http, or to somebody else's keys."""
    answer = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"

    with tcp(lambda connection: connection.sendall(answer)) as url, pytest.raises(KeysUnavailable, match="302"):
        fetch_locally(url)


def test_a_key_set_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, the whole is not."""
    monkeypatch.setattr("adapters.tokens.keys.FETCH_TIMEOUT", 0.2)

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(20):
                connection.sendall(b" ")
                time.sleep(0.05)

    with tcp(trickle) as url, pytest.raises((KeysUnavailable, OSError)):
        fetch_locally(url)


@pytest.mark.parametrize(
    "weak",
    [
        pytest.param({"e": "Aw"}, id="exponent 3"),
        pytest.param({"e": "AQ"}, id="exponent 1"),
        pytest.param({"e": "AQAC"}, id="an even exponent"),
        pytest.param({"e": base64url(b"\x01" * 40)}, id="an exponent of 320 bits"),
        pytest.param({"d": "AQAB"}, id="a private key"),
        pytest.param({"n": None}, id="no modulus"),
        pytest.param({"kty": None}, id="no type"),
        pytest.param({"kty": ["RSA"]}, id="a type that is no text"),
        pytest.param({"key_ops": 7}, id="operations that are no list"),
    ],
)
def test_weak_and_broken_keys_are_not_used_and_do_no_harm(weak: dict[str, Any]) -> None:
    found = parse_keys(key_set(jwk("one", **weak), jwk("good")), ALGORITHMS)

    assert list(found) == ["good"]


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_strong_keys_are_used(bits: int) -> None:
    assert parse_keys(key_set(jwk("one", bits=bits)), ALGORITHMS)


def test_elliptic_curves_are_used_when_they_are_asked_for() -> None:
    keys = key_set(jwk("rsa"), ec_jwk("p256"), ec_jwk("p384"), ec_jwk("p256", crv="P-384"))

    assert set(parse_keys(keys, ["RS256"])) == {"rsa"}
    assert set(parse_keys(key_set(jwk("rsa"), ec_jwk("p256")), ["RS256", "ES256"])) == {"rsa", "p256"}


def test_other_curves_are_not_used() -> None:
    with pytest.raises(KeysUnavailable):
        parse_keys(key_set(ec_jwk("p384"), ec_jwk("p256", crv="P-384")), ["ES256"])


@contextmanager
def http(body: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def tcp(converse: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection with an own idea of HTTP."""

    def accept(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            converse(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            thread.join()


def test_a_key_set_is_fetched_from_this_machine() -> None:
    with http(key_set(jwk())) as url:
        assert KeySource(url, ALGORITHMS, fetch=fetch_locally).key("one")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a certificate of this machine's name, signed by itself, and its key."""
    key = private_key()
    name, today = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def over_tls(certificate: Path) -> Iterator[str]:
    """Publish a key set over https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http(key_set(jwk()), context) as url:
        yield url.replace("http://127.0.0.1", "https://localhost")


def test_a_key_set_is_fetched_over_https(over_tls: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert KeySource(over_tls, ALGORITHMS, fetch=Fetch()).key("one")
    with pytest.raises(KeysUnavailable, match="mismatch"):
        KeySource(over_tls.replace("localhost", "127.0.0.1"), ALGORITHMS, fetch=Fetch()).key("one")


def test_an_issuer_for_whom_nobody_vouches_is_an_outage(over_tls: str) -> None:
    with pytest.raises(KeysUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        KeySource(over_tls, ALGORITHMS, fetch=Fetch()).key("one")


def test_a_key_set_that_is_too_large_is_refused() -> None:
    with http(b" " * (MAX_BYTES + 1)) as url, pytest.raises(KeysUnavailable, match="large"):
        fetch_locally(url)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HELLO\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", id="an error"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", id="broken off"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_an_issuer_that_speaks_no_http_is_an_outage(answer: bytes) -> None:
    with tcp(lambda connection: connection.sendall(answer)) as url, pytest.raises(KeysUnavailable):
        KeySource(url, ALGORITHMS, fetch=fetch_locally).key("one")
