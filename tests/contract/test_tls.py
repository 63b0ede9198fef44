"""Connections that are encrypted, and that know who answers."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.postgres import database as module
from adapters.postgres.database import Database, Server
from domain.errors import Unavailable

DAY = timedelta(days=1)
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""What a client asks first (PostgreSQL's manual, "Message Formats")."""
Key = ec.EllipticCurvePrivateKey


class Authority:
    """Somebody who signs certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign("authority", self.key, x509.BasicConstraints(ca=True, path_length=None))

    def sign(self, name: str, key: Key, *extensions: x509.ExtensionType) -> x509.Certificate:
        """Return a certificate of that name, valid since yesterday and until tomorrow."""
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(
            issuer_name=named("authority"),
            subject_name=named(name),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - DAY,
            not_valid_after=now + DAY,
        )
        for extension in extensions:
            made = made.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return made.sign(self.key, hashes.SHA256())

    def write(self, file: Path) -> Path:
        """Write the certificate by which others know it."""
        file.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return file


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def front(postgres_server: Server, authority: Authority, tmp_path: Path) -> Iterator[Server]:
    """Put TLS in front of PostgreSQL, with a certificate for `localhost`; the wheel's own server has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified(authority, tmp_path / "server.pem"))

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            assert self.request.recv(8) == SSL_REQUEST
            self.request.sendall(b"S")
            with suppress(ssl.SSLError), context.wrap_socket(self.request, server_side=True) as secure:
                relay(secure, postgres_server)

    with ThreadingTCPServer(("127.0.0.1", 0), Relay) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield replace(postgres_server, host="localhost", port=listening.server_address[1])
        listening.shutdown()
        thread.join()


def certified(authority: Authority, file: Path) -> Path:
    """Write a key and a certificate for `localhost`."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.sign("localhost", key, x509.SubjectAlternativeName([x509.DNSName("localhost")]))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return file


def relay(secure: ssl.SSLSocket, server: Server) -> None:
    """Carry bytes to a server and back until one of the two ends it."""
    with socket.create_connection((server.host, server.port)) as plain:
        ways = {secure: plain, plain: secure}
        while True:
            ready, _, _ = ([secure], [], []) if secure.pending() else select.select(list(ways), [], [])
            for one in ready:
                if not (some := one.recv(65536)):
                    return
                ways[one].sendall(some)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Authority], None]:
    """Return a function that lets connections trust somebody else than who signs for RDS."""

    def trust(authority: Authority) -> None:
        monkeypatch.setattr(module, "AUTHORITIES", authority.write(tmp_path / "authority.pem"))

    return trust


@pytest.fixture
def opened(front: Server) -> Iterator[Callable[..., Database]]:
    """Return a function that opens the server."""
    databases = []

    def connect(sslmode: str, **other: Any) -> Database:
        databases.append(Database("postgres", lambda: replace(front, **other), sslmode))
        return databases[-1]

    yield connect
    for one in databases:
        one.close()


def test_who_answers_by_the_right_name_is_believed(
    opened: Callable[..., Database], authority: Authority, trusting: Callable[[Authority], None]
) -> None:
    trusting(authority)

    assert opened("verify-full").connection().pgconn.ssl_in_use


def test_another_host_with_that_certificate_is_not(
    opened: Callable[..., Database], authority: Authority, trusting: Callable[[Authority], None]
) -> None:
    """It may be signed by the right authority: RDS signs for everybody's servers."""
    trusting(authority)

    with pytest.raises(Unavailable) as refused:
        opened("verify-full", host="127.0.0.1").connection()

    assert "does not match host name" in str(refused.value.__cause__)


def test_who_is_signed_by_somebody_else_is_not(
    opened: Callable[..., Database], trusting: Callable[[Authority], None]
) -> None:
    """Though the other calls itself alike."""
    trusting(Authority())

    with pytest.raises(Unavailable) as refused:
        opened("verify-full").connection()

    assert "SSL error" in str(refused.value.__cause__)


def test_those_who_sign_for_rds_do_not_sign_for_others(opened: Callable[..., Database]) -> None:
    """With the file as it is shipped."""
    with pytest.raises(Unavailable) as refused:
        opened("verify-full").connection()

    assert "certificate verify failed" in str(refused.value.__cause__)


def test_require_encrypts_and_believes_anybody(opened: Callable[..., Database]) -> None:
    assert opened("require", host="127.0.0.1").connection().pgconn.ssl_in_use


@pytest.fixture(scope="module")
def shipped() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(module.AUTHORITIES.read_bytes())


def test_who_signs_for_rds_and_its_proxy_is_shipped(shipped: list[x509.Certificate]) -> None:
    """Each region has an authority for each kind of key; certificates of proxies are of Amazon Trust Services."""
    names = [one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for one in shipped]

    for region in ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"):
        for kind in ("RSA2048", "RSA4096", "ECC384"):
            assert f"Amazon RDS {region} Root CA {kind} G1" in names
    assert {f"Amazon Root CA {number}" for number in (1, 2, 3, 4)} < set(names)


def test_all_that_is_shipped_is_an_authority_for_years(shipped: list[x509.Certificate]) -> None:
    for one in shipped:
        assert one.issuer == one.subject
        assert one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert one.not_valid_after_utc > datetime(2035, 1, 1, tzinfo=UTC)
