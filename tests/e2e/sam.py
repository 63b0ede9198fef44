"""The real SAM CLI, against the emulated AWS of a running `tradepost up --deployed`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from delivery.share import share
from local.state import ROOT, StackInfo

BIN = Path(sys.executable).parent
DEFAULTS = {
    "SAM_CLI_TELEMETRY": "0",
    "SAM_CLI_BETA_PACKAGE_PERFORMANCE": "1",  # zips a folder once, however many functions share it
}


class Sam:
    """`sam`, with the keys of an emulated account."""

    def __init__(self, info: StackInfo, folder: Path) -> None:
        self.environment = environment(folder, info.aws_url, info.region, info.access_key, info.secret_key)

    def __call__(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in the clone."""
        return _run(words, self.environment)


def environment(folder: Path, endpoint: str, region: str, access_key: str, secret_key: str) -> Mapping[str, str]:
    """Return what `sam` needs to work in an emulated account, and its own files in a folder."""
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TERM": "xterm",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        **DEFAULTS,
    }


def build(folder: Path) -> Path:
    """Build template.yaml into a folder; return the built template, in which what is alike is shared."""
    path = f"{BIN}:{os.environ['PATH']}"
    done = _run(["build", "--build-dir", folder], {**os.environ, **DEFAULTS, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    share(folder / "template.yaml")
    return folder / "template.yaml"


def _run(words: Sequence[str | Path], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "sam", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
