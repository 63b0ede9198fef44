"""The API's description, as the functions serve it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from tests.integration.conftest import Call

HANDLERS = Path(__file__).parents[2] / "src" / "handlers"
SERVED = [
    ("get_openapi", "openapi.json", "application/json"),
    ("get_docs", "docs.html", "text/html; charset=utf-8"),
]


@pytest.mark.parametrize(("module", "file", "media"), SERVED)
def test_it_is_served_as_it_is_kept(call: Call, module: str, file: str, media: str) -> None:
    answer = call(module)

    assert (answer.status, answer.headers["content-type"]) == (200, media)
    assert answer.text == (HANDLERS / file).read_text("utf-8")


@pytest.mark.parametrize(("module", "_", "__"), SERVED)
def test_whoever_knows_it_is_not_sent_it_again(call: Call, module: str, _: str, __: str) -> None:
    first = call(module)
    again = call(module, headers={"if-none-match": f'"other", {first.headers["etag"]}'})

    assert first.headers["cache-control"] == again.headers["cache-control"] == "public, max-age=300"
    assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert call(module, headers={"if-none-match": '"other"'}).status == 200


def test_the_page_may_show_its_own_style_and_do_nothing_else(call: Call) -> None:
    answer = call("get_docs")
    (style,) = re.findall("<style>(.*)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert answer.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
