"""`make openapi`: write the description and its page to where they are kept, or below a folder of your choice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from local.openapi.document import document
from local.openapi.page import page
from local.state import ROOT

HEAD = "# Made by `make openapi` from the code; change the code, not this file.\n"


class _Plain(yaml.SafeDumper):  # type: ignore[misc] # PyYAML is untyped
    """Writes everything out: no anchors, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as PyYAML calls it
        """Say that nothing is to be an anchor."""
        return True


def _text(dumper: _Plain, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


def write(root: Path) -> None:
    """Write all three files below a folder."""
    described = document()
    text = yaml.dump(described, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    shipped = root / "src" / "handlers"
    shipped.mkdir(parents=True, exist_ok=True)
    (root / "openapi.yaml").write_text(HEAD + text, "utf-8")
    (shipped / "openapi.json").write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (shipped / "docs.html").write_text(page(described), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
