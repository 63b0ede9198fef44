"""Signing keys: which are usable, how rarely they are fetched, and how long they serve."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adapters.tokens.keys import MAX_BYTES, KeySource, KeysUnavailable, fetch, parse_keys
from tests.signing import jwk, key_set


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
    assert list(parse_keys(key_set(unusable, jwk("good")))) == ["good"]
    with pytest.raises(KeysUnavailable):
        parse_keys(key_set(unusable))


def test_optional_members_may_be_missing() -> None:
    assert list(parse_keys(key_set(jwk(use=None, alg=None)))) == ["one"]
    assert list(parse_keys(key_set(jwk(key_ops=["verify"])))) == ["one"]


def test_of_two_keys_with_one_id_neither_is_used() -> None:
    again = {**jwk("two"), "kid": "one"}

    assert list(parse_keys(key_set(jwk("one"), again, jwk("three")))) == ["three"]


@pytest.mark.parametrize(
    "document",
    [b"", b"\xff", b"[]", b"7", b"{}", b'{"keys": 7}', b'{"keys": [7]}', b'{"keys": []}', b'{"keys": [{}]}'],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        parse_keys(document)


@pytest.mark.parametrize(
    "url",
    ["http://keys.example.com/jwks", "http://127.0.0.1.example.com/jwks", "file:///etc/passwd", "ftp://127.0.0.1/k"],
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    with pytest.raises(KeysUnavailable, match="https"):
        fetch(url)


@contextmanager
def http(body: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
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
        assert KeySource(url).key("one")


def test_a_key_set_that_is_too_large_is_refused() -> None:
    with http(b" " * (MAX_BYTES + 1)) as url, pytest.raises(KeysUnavailable, match="large"):
        fetch(url)


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
        KeySource(url).key("one")
