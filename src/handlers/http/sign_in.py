"""How sign-ins are answered; openapi.yaml is made from these types."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from domain.identity.accounts import Challenge, Tokens


class TokensJson(TypedDict):
    """What a sign-in gives; `expires_in` in seconds. A refresh gives a refresh token only when it was rotated."""

    access_token: str
    id_token: str
    refresh_token: NotRequired[str]
    expires_in: int
    token_type: str


class ChallengeJson(TypedDict):
    """What a sign-in asks next; `session` goes back with the reply."""

    challenge: str
    session: str


def signed_in(outcome: Tokens | Challenge) -> TokensJson | ChallengeJson:
    """Return tokens, or the challenge that stands before them."""
    if isinstance(outcome, Challenge):
        return {"challenge": outcome.name, "session": outcome.session}
    return tokens(outcome)


def tokens(given: Tokens) -> TokensJson:
    """Return tokens; no refresh token where none was given (RFC 6749, section 5.1)."""
    shown: TokensJson = {
        "access_token": given.access_token,
        "id_token": given.id_token,
        "expires_in": given.expires_in,
        "token_type": "Bearer",
    }
    if given.refresh_token is not None:
        shown["refresh_token"] = given.refresh_token
    return shown
