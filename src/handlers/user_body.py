"""What POST /user/register and POST /user say of a person."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from handlers.http.body import Body


def _address(text: str) -> str:
    """Return an email address as mail is sent to it: the domain in lower case and ASCII (RFC 5321, RFC 5891)."""
    try:
        return validate_email(text, allow_smtputf8=False, check_deliverability=False).ascii_email or text
    except EmailNotValidError as error:
        raise PydanticCustomError("email", "{why}", {"why": str(error)}) from None


Email = Annotated[
    str, StringConstraints(max_length=254), AfterValidator(_address), Field(json_schema_extra={"format": "email"})
]
Name = Annotated[str, StringConstraints(pattern=r"^\p{L}[\p{L}\p{M}]*( \p{L}[\p{L}\p{M}]*)*$", max_length=100)]
"""Letters and single spaces, in any script."""


class PersonBody(Body):
    """Who somebody is."""

    email: Email
    name: Name
