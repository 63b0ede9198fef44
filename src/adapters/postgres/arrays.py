"""Arrays as PostgreSQL writes them; of a thousand JSON texts psycopg makes one in ten times as long."""

from __future__ import annotations

from collections.abc import Iterable


def array(values: Iterable[object]) -> str:
    """Return an array to be cast (`%s::text[]`); None is NULL (manual, "Array Input and Output Syntax")."""
    quoted = ["NULL" if one is None else '"' + _escaped(str(one)) + '"' for one in values]
    return "{" + ",".join(quoted) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
