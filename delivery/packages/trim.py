"""What of an installed library stays out of a package, and why. No library's code is edited."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

NEVER_IMPORTED = {
    "dnspython": "email-validator asks DNS where deliverability is checked, which is nowhere here",
    "pycparser": "cffi parses C where bindings are generated, and cryptography brings its own",
}
"""Distributions that others require."""

DROPPED = {
    "for people, type checkers, compilers and shells": ["**/*.pyi", "**/py.typed", "**/*.h", "**/tests", "bin"],
    "for pip: versions and licences stay": [
        f"*.dist-info/{name}"
        for name in ("RECORD", "WHEEL", "INSTALLER", "REQUESTED", "entry_points.txt", "top_level.txt", "sboms")
    ],
    "for who generates bindings; cryptography imports _cffi_backend alone": ["cffi"],
    "for boto3's resources: clients alone are made here": ["boto3/data", "boto3/examples"],
    "samples for people": ["botocore/data/*/*/examples-1.json*"],
    "for who routes by Powertools; here API Gateway does": ["aws_lambda_powertools/event_handler"],
    "features of Powertools that nothing here asks for": [
        f"aws_lambda_powertools/utilities/{name}"
        for name in (
            "auth_alpha", "circuit_breaker", "data_masking", "feature_flags", "kafka", "parameters", "parser",
            "streaming", "validation",
        )
    ],
}  # fmt: skip

WITHOUT_EVENTS = {"aws_lambda_powertools/utilities": {"batch", "data_classes", "idempotency"}}
"""What those functions go without that import nothing of it."""


def trim(tree: Path, services: Collection[str]) -> None:
    """Take from a tree of installed libraries whatever is in no package."""
    for pattern in (one for some in DROPPED.values() for one in some):
        for path in list(tree.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    _trim_botocore(tree / "botocore/data", services)


def _trim_botocore(data: Path, services: Collection[str]) -> None:
    """Keep the services that are asked for, their endpoints in all partitions, and of descriptions what is read.

    They are unpacked, too: a client is made in three quarters of the time, and the package is zipped anyway.
    """
    for folder in [one for one in data.iterdir() if one.is_dir() and one.name not in services]:
        shutil.rmtree(folder)
    prefixes = {_endpoint_prefix(data / service) for service in services}
    endpoints = json.loads((data / "endpoints.json").read_text("utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in prefixes}
    (data / "endpoints.json").write_text(json.dumps(endpoints, separators=(",", ":")), "utf-8")
    for file in list(data.glob("*/*/*.json.gz")):
        said = _undocumented(json.loads(gzip.decompress(file.read_bytes())))
        file.with_suffix("").write_text(json.dumps(said, separators=(",", ":")), "utf-8")
        file.unlink()


def _undocumented(value: Any) -> Any:
    """Return a description of a service without its texts for people, of which most of it consists."""
    if isinstance(value, list):
        return [_undocumented(one) for one in value]
    if not isinstance(value, dict):
        return value
    texts = {name for name, one in value.items() if name == "documentation" and isinstance(one, str)}
    return {name: _undocumented(one) for name, one in value.items() if name not in texts}


def _endpoint_prefix(service: Path) -> str:
    (file,) = service.glob("*/service-2.json.gz")
    return str(json.loads(gzip.decompress(file.read_bytes()))["metadata"]["endpointPrefix"])
