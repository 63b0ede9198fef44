"""What contestants reach over the network, on loopback: an issuer's keys, and AWS by HTTP or HTTPS."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Asked = Callable[[str, bytes], tuple[int, bytes]]
"""Answers what a request's header X-Amz-Target and its body ask for, with a status and a body."""


@contextmanager
def keys(document: bytes) -> Iterator[str]:
    """Publish a key set; return its URL."""
    with _serving(lambda *_: (200, document), None) as port:
        yield f"http://127.0.0.1:{port}/keys"


@contextmanager
def aws(stub: Callable[[str, Any], tuple[int, Any]], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer as a stub does; return the endpoint."""

    def answer(target: str, body: bytes) -> tuple[int, bytes]:
        status, said = stub(target.rpartition(".")[2], json.loads(body))
        return status, json.dumps(said).encode()

    with _serving(answer, tls) as port:
        yield f"{'https' if tls else 'http'}://localhost:{port}"


@contextmanager
def certified() -> Iterator[tuple[ssl.SSLContext, str]]:
    """Return what a server at localhost serves TLS with, and the certificate of who signed for it, as PEM."""
    authority, authority_key = _certificate("Benchmark CA", None)
    server, key = _certificate("localhost", (authority, authority_key))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(key.private_bytes(*plain) + server.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
    yield context, authority.public_bytes(serialization.Encoding.PEM).decode()


Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _certificate(name: str, signer: Signer | None) -> Signer:
    """Return a certificate for a day and its key: a server's at localhost, or, without a signer, an authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (subject, key)
    now = datetime.now(UTC)
    local = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(_usage(signs=signer is None), critical=True)
    )
    if signer:
        made = made.add_extension(x509.SubjectAlternativeName(local), critical=False)
    return made.sign(issuer_key, hashes.SHA256()), key


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Return what a key is for; Python asks it of authorities since 3.13 (ssl.VERIFY_X509_STRICT)."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@contextmanager
def _serving(answer: Asked, tls: ssl.SSLContext | None) -> Iterator[int]:
    """Serve in a thread; return the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece, which nobody waits for the rest of

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, said = answer(self.headers.get("x-amz-target", ""), body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            """Return a connection, whose thread shakes hands."""
            connection, address = super().get_request()
            return (
                tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) if tls else connection
            ), address

        def handle_error(self, *_: Any) -> None:
            """Say nothing of those who leave."""

    with Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
