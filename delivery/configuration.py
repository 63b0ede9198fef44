"""What samconfig.toml says of dev ([default]) and prod, as CloudFormation takes it from a pipeline.

Run it as a program, `python delivery/configuration.py FOLDER [NAME=VALUE ...]`: it writes dev.json and prod.json there,
with these parameters in both.
"""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SETTINGS = Path(__file__).parents[1] / "samconfig.toml"
ENVIRONMENTS = {"dev": "default", "prod": "prod"}


def configuration(said: Mapping[str, Any], built: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Return an environment's parameters and tags, from what is said of `sam deploy` there and what was built."""
    return {
        "Parameters": _pairs([*shlex.split(said.get("parameter_overrides", "")), *built]),
        "Tags": _pairs(shlex.split(said.get("tags", ""))),
    }


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    return dict(each.split("=", 1) for each in texts)


if __name__ == "__main__":
    folder, *built = sys.argv[1:]
    settings = tomllib.loads(SETTINGS.read_text("utf-8"))
    for name, environment in ENVIRONMENTS.items():
        found = configuration(settings[environment]["deploy"]["parameters"], built)
        Path(folder, f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
