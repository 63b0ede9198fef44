"""What samconfig.toml says of dev ([default]) and prod, as CloudFormation takes it from a pipeline.

Run it as a program, `python delivery/configuration.py FOLDER`: it writes dev.json and prod.json there.
"""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SETTINGS = Path(__file__).parents[1] / "samconfig.toml"
ENVIRONMENTS = {"dev": "default", "prod": "prod"}


def configuration(said: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return an environment's parameters and tags, from what is said of `sam deploy` there."""
    return {
        "Parameters": _pairs(said.get("parameter_overrides", "")),
        "Tags": _pairs(said.get("tags", "")),
    }


def _pairs(text: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in shlex.split(text))


if __name__ == "__main__":
    settings = tomllib.loads(SETTINGS.read_text("utf-8"))
    for name, environment in ENVIRONMENTS.items():
        found = configuration(settings[environment]["deploy"]["parameters"])
        Path(sys.argv[1], f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
