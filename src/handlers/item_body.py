"""The body of POST /item and of PUT /item/{id}."""

from typing import Annotated

from pydantic import StringConstraints

from handlers.http.body import Body


class ItemBody(Body):
    """What an item says, in full: a description that is left out is empty."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[str, StringConstraints(max_length=5000)] = ""
