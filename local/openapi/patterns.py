"""What patterns ask for, in words that people read; machines find the patterns themselves."""

from __future__ import annotations

from collections.abc import Mapping

from local.openapi.fields import ANY_CASE, SKU
from local.openapi.operations import CURSOR, KEY, TAGS_LIST
from local.openapi.schemas import NO_NUL, NOT_BLANK

IN_WORDS: Mapping[str, str] = {
    NO_NUL: "",
    NOT_BLANK: "not blank",
    SKU: "1 to 64 ASCII capitals, digits, dots, underscores and hyphens; a capital or digit first",
    ANY_CASE: "1 to 64 ASCII letters, digits, dots, underscores and hyphens; a letter or digit first",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$": (
        "3 to 64 ASCII letters, digits, dots, underscores and hyphens; a letter or digit first"
    ),
    r"^[A-Z]{3}$": "three capitals",
    r"^\p{L}[\p{L}\p{M}]*( \p{L}[\p{L}\p{M}]*)*$": "letters of any script, with single spaces between words",
    CURSOR: "as it was answered",
    KEY: "1 to 255 printable ASCII characters",
    TAGS_LIST: "ETags with their quotes, separated by commas, or <code>*</code>",
}
"""Empty where nobody needs to know."""
