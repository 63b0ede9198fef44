"""Dead letters."""

from __future__ import annotations

import os
from functools import cache

from adapters.aws import client
from adapters.letters import SqsPoisonLetters


@cache
def poison_letters() -> SqsPoisonLetters:
    """Return where stream records go that nobody can read."""
    return SqsPoisonLetters(client("sqs"), os.environ["PROJECTION_DEAD_LETTERS_URL"])
