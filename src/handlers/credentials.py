"""What people type to get in, as bodies take it."""

from typing import Annotated

from pydantic import StringConstraints

Username = Annotated[str, StringConstraints(min_length=1, max_length=128, to_lower=True)]
"""Capitals make no other person."""
Password = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=False)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]
