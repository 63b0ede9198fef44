"""Who signs for AWS: a few authorities of those that botocore trusts, or whom AWS_CA_BUNDLE names."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import botocore
import pytest
from cryptography.x509 import Certificate, load_pem_x509_certificates
from cryptography.x509.oid import NameOID

from adapters import authorities, aws
from adapters.tokens import keys
from adapters.tokens.keys import Fetch

KNOWN = Path(botocore.__file__).with_name("cacert.pem")


def certificates(file: Path) -> list[Certificate]:
    return load_pem_x509_certificates(file.read_bytes())


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # Starfield's is 0
def test_they_are_amazons_and_starfields_as_botocore_knows_them() -> None:
    ours = certificates(authorities.AWS)

    names = {str(one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) for one in ours}
    assert names == {
        *(f"Amazon Root CA {number}" for number in (1, 2, 3, 4)),
        "Starfield Services Root Certificate Authority - G2",
    }
    assert {*ours} <= {*certificates(KNOWN)}
    assert all(one.not_valid_after_utc > datetime.now(UTC) for one in ours)


@pytest.fixture(autouse=True)
def unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CA_BUNDLE", *authorities.OTHERS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a")
    monkeypatch.setenv("REGION", "eu-west-1")
    monkeypatch.setattr(aws, "_client", aws._client.__wrapped__)
    monkeypatch.setattr(aws, "_session", aws._session.__wrapped__)


@pytest.mark.parametrize(
    ("said", "verified"),
    [
        ({}, str(authorities.AWS)),
        ({"AWS_CA_BUNDLE": "/proxy.pem"}, "/proxy.pem"),
        ({"REQUESTS_CA_BUNDLE": "/proxy.pem"}, "/proxy.pem"),
        ({"SSL_CERT_FILE": "/proxy.pem"}, True),
        ({"REGION": "cn-north-1"}, True),
    ],
)
def test_clients_look_through_them_or_through_those_of_a_proxy(
    fresh: None, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], verified: object
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    assert aws.client("dynamodb")._endpoint.http_session._verify == verified


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://cognito-idp.eu-west-1.amazonaws.com/pool/keys", str(authorities.AWS)),
        ("https://issuer.example/keys", None),
        ("https://amazonaws.com.example/keys", None),
    ],
)
def test_keys_of_cognito_come_from_whom_they_vouch_for(
    monkeypatch: pytest.MonkeyPatch, url: str, trusted: str | None
) -> None:
    asked: list[str | None] = []

    def context(cafile: str | None) -> ssl.SSLContext:
        asked.append(cafile)
        raise OSError

    monkeypatch.setattr(keys, "create_default_context", context)
    with pytest.raises(OSError):  # noqa: PT011 - what the stand-in raises
        Fetch()(url)

    assert asked == [trusted]
