"""How functions start: what they need is made in INIT, which has a whole processor, and before any snapshot.

Sources: Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle" and "Lambda SnapStart
runtime hooks for Python".
"""

from __future__ import annotations

import gc
import os
import random

from handlers.wiring import forget_stale, make_all

INITIALIZATION = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE")
"""`on-demand`, `provisioned-concurrency` or `snap-start` on Lambda, and nothing elsewhere."""


def ready() -> None:
    """End INIT: make what is needed, and never look for garbage in it."""
    if INITIALIZATION:
        make_all()
        gc.freeze()
        gc.enable()
    if INITIALIZATION == "snap-start":
        from snapshot_restore_py import register_after_restore  # noqa: PLC0415 - Lambda's own, and only there

        register_after_restore(restored)


def restored() -> None:
    """Make this copy of a snapshot differ from all others, and forget what may have ended since it was taken."""
    random.seed()
    forget_stale()
