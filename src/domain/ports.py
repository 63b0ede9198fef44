"""Ports that every context needs: what time it is, and new ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Returns now, aware and in UTC. Successive calls do not go back."""

NewId = Callable[[], str]
"""Returns a new UUIDv7 (RFC 9562) in its canonical text form: unique, and ordered by time."""

MoreTime = Callable[[], bool]
"""Says whether there is time for another round of some work."""

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""That form. Python's UUID() reads others too, of which PostgreSQL refuses some."""
NO_ID = "00000000-0000-0000-0000-000000000000"
"""Before every id, and none itself (RFC 9562, section 5.9)."""
