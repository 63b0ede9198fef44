"""Which dead letters an admin means."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from domain.errors import FieldProblem, InvalidInput
from domain.letters.letters import Queue
from domain.letters.working import Wanted
from handlers.http.body import Body

MOST = 100
Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class RedriveBody(Body):
    """Letters to send back: those named, or some of those that are there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"limit": 10}]})

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 10

    def wanted(self, queue: Queue) -> Wanted:
        """Return which letters are meant. Raises InvalidInput for a limit beside ids."""
        return _wanted(queue, self)


class PurgeBody(Body):
    """Letters to give up: those named, or, when it says so, some of those that are there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"all": True, "limit": 10}]})

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST)] | None = None
    all: bool = False
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST

    def wanted(self, queue: Queue) -> Wanted:
        """Return which letters are meant. Raises InvalidInput unless it is said in exactly one way."""
        if (self.ids is not None) == self.all:
            raise InvalidInput("say which letters", [FieldProblem("ids", "or all is needed, and not both")])
        return _wanted(queue, self)


def _wanted(queue: Queue, body: RedriveBody | PurgeBody) -> Wanted:
    if body.ids is not None and "limit" in body.model_fields_set:
        raise InvalidInput("say which letters", [FieldProblem("limit", "is for letters that are not named")])
    return Wanted(queue, body.limit, body.ids)
