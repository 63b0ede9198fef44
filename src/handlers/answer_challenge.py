"""POST /user/login/challenge: go on with a sign-in that needs one more step."""

from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import StringConstraints

from adapters.system import now
from domain.identity.accounts import Answer, Challenge
from domain.identity.signing_in import answer_challenge
from handlers.credentials import Password, Username
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.sign_in import signed_in
from handlers.http.throttle import throttle
from handlers.wiring.people import directory
from handlers.wiring.users import users


class ChallengeBody(Body):
    """The challenge and the session as the sign-in answered them, and the answer: the new password, or the code."""

    username: Username
    challenge: Literal["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA", "SMS_MFA", "EMAIL_OTP", "SELECT_MFA_TYPE"]
    session: Annotated[str, StringConstraints(min_length=20, max_length=2048)]
    answer: Password


@endpoint
def handler(request: Request) -> Response:
    """Exchange the answer for tokens, or for the next challenge."""
    throttle(request, "challenge")
    wanted = read(request, ChallengeBody)
    answer = Answer(wanted.username, Challenge(wanted.challenge, wanted.session), wanted.answer)
    outcome = answer_challenge(answer, request.address, directory=directory(), users=users(), clock=now)
    return Response(HTTPStatus.OK, signed_in(outcome))
