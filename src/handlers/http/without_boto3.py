"""Importing what asks for boto3 and needs nothing of it.

Powertools' idempotency imports boto3 to make a client, which we hand it, and to read DynamoDB's items. With boto3 come
its resources, s3transfer and multiprocessing: a tenth of a cold start.
"""

from __future__ import annotations

import sys
from collections import abc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

import botocore


@contextmanager
def without_boto3() -> Iterator[None]:
    """Let imports of the block find boto3's folder and version alone; where boto3 is loaded already, let it be."""
    if "boto3" in sys.modules:
        yield
        return
    boto3: Any = ModuleType("boto3")
    boto3.__path__ = getattr(PathFinder.find_spec("boto3"), "submodule_search_locations", None)
    boto3.__version__ = botocore.__version__
    compat: Any = ModuleType("boto3.compat")
    compat.collections_abc = abc
    sys.modules.update({"boto3": boto3, "boto3.compat": compat})
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "boto3"]:
            del sys.modules[name]
