"""Everything the domain refuses, and why.

TradepostError
├── InvalidInput       what was sent breaks a rule; names each field
├── Unauthenticated    the caller could not prove who they are
├── Forbidden          the caller is known and may not do this
├── NotFound           there is no such thing, or it belongs to somebody else
├── Conflict           the state of the thing does not allow it now
│   ├── InFlight       the same request is being answered already
│   ├── NotConfirmed   the account waits for its confirmation code
│   └── ResetRequired  the account waits for a new password
├── PreconditionFailed the thing has another version than the caller expects
├── KeyReused          an idempotency key came again with another request
└── Unavailable        a part that this needs does not answer; trying again may help
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """One broken rule: where (a path such as "lines[2].sku") and what is wrong, in words for people."""

    field: str
    message: str


class TradepostError(Exception):
    """The base of all of them; never raised itself. `problems` names the fields that it is about, if any."""

    def __init__(self, message: str, problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class InvalidInput(TradepostError):
    """What was sent breaks a rule."""


class Unauthenticated(TradepostError):
    """The caller could not prove who they are: no token, or a wrong password."""


class Forbidden(TradepostError):
    """The caller is known and lacks the group that this needs."""


class NotFound(TradepostError):
    """There is no such thing, or it belongs to somebody else (callers cannot tell which)."""


class Conflict(TradepostError):
    """The state of the thing does not allow it: a duplicate, or an order that has gone too far."""


class InFlight(Conflict):
    """The same request, under the same idempotency key, is being answered right now."""


class NotConfirmed(Conflict):
    """The account waits for the code that was sent."""


class ResetRequired(Conflict):
    """The account waits for a new password."""


class PreconditionFailed(TradepostError):
    """The thing has another version than the caller expects: somebody else was first."""


class KeyReused(TradepostError):
    """An idempotency key came again with another request."""


class Unavailable(TradepostError):
    """A part that this needs does not answer, or asks for less traffic; trying again may help."""
