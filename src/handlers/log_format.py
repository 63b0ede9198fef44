"""What a log line tells of an exception: what it is and where it came from, never what somebody sent."""

from __future__ import annotations

import json
import logging
import os
import threading
import traceback
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

RESERVED = {*vars(logging.makeLogRecord({})), "asctime", "message"}
"""What logging itself puts into a record; the rest is what somebody gave with the message."""
QUOTING = {"botocore", "psycopg", "pydantic_core"}
"""Libraries whose errors quote what they were given: passwords, codes, the values of a row."""
PLACES = ("connection", "endpoint")
"""What tells of hosts and users; only the log does."""


class Formatter(LambdaPowertoolsFormatter):
    """Powertools' formatter, which tells of the exceptions of QUOTING their codes alone.

    Times are as Lambda's JSON logs want them (RFC 3339): without, it would take every line's level for INFO. Each
    thread has its own keys, as each answers its own request.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        super().__init__()
        self._encode = json.JSONEncoder(
            default=str, ensure_ascii=False, check_circular=False, separators=(",", ":")
        ).encode
        self._first = {**self.log_format}

    @property
    def log_format(self) -> dict[str, Any]:
        """The keys of this thread's lines."""
        if not hasattr(self._own, "keys"):
            self._own.keys = {**self._first}
        keys: dict[str, Any] = self._own.keys
        return keys

    @log_format.setter
    def log_format(self, keys: dict[str, Any]) -> None:
        self._own.keys = keys

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line, as Powertools' formatter has it, which takes three times as long.

        A message that is JSON stays a text.
        """
        more = {name: value for name, value in vars(record).items() if name not in RESERVED}
        if record.exc_info and record.exc_info[0]:
            more["exception"] = self.formatException(record.exc_info)
            more["exception_name"] = record.exc_info[0].__name__
        location = f"{record.funcName}:{record.lineno}"
        message = record.getMessage() if record.args else record.msg
        return self.line(record.levelname, location, message, record.created, more)

    def line(self, level: str, location: str | None, message: object, at: float, more: Mapping[str, object]) -> str:
        """Return the line of a message, with this thread's keys and more; `at` is in seconds since 1970."""
        line = {
            **self.log_format,
            "level": level,
            "location": location,
            "message": message,
            "timestamp": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
            **more,
        }
        if trace := os.environ.get("_X_AMZN_TRACE_ID"):
            line["xray_trace_id"] = trace.partition(";")[0].removeprefix("Root=")
        return self._encode({name: value for name, value in line.items() if value is not None})

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name for it
        """Return the traceback of an exception and of what it came from, as Python writes it."""
        return "\n".join("".join(_traceback(one)) for one in reversed(list(_chain(ei[1]))))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Return an exception and what it came from, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _traceback(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}: {_words(error)}\n"


def story(error: BaseException) -> str:
    """Return in one line the words of an exception and of what it came from, without hosts and users."""
    last, *causes = _chain(error)
    said = [f"from {type(one).__qualname__}: {_words(one, unsaid=PLACES)}" for one in causes]
    return "; ".join([_words(last, unsaid=PLACES), *said])


def _words(error: BaseException, *, unsaid: Collection[str] = ()) -> str:
    library = type(error).__module__.partition(".")[0]
    if library not in QUOTING:
        return str(error)
    told: dict[str, Any] = {"botocore": _of_aws, "psycopg": _of_postgres, "pydantic_core": _of_pydantic}[library](error)
    return ", ".join(f"{name} {value}" for name, value in told.items() if value and name not in unsaid)


def _of_aws(error: Any) -> dict[str, Any]:
    """Return the operation, AWS's code and its id of the request; of an error on our side its words without values."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return {"error": error.fmt, "endpoint": error.kwargs.get("endpoint_url")}
    request = answer.get("ResponseMetadata", {}).get("RequestId")
    return {"operation": error.operation_name, "code": answer.get("Error", {}).get("Code"), "request": request}


def _of_postgres(error: Any) -> dict[str, Any]:
    """Return the code (PostgreSQL, appendix A) and the names of what was broken; its words quote rows and input.

    An error without code is about the connection, and libpq's.
    """
    if type(error).__name__ == "OperationalError" and not error.sqlstate:
        return {"connection": str(error)}
    named = {name: getattr(error.diag, f"{name}_name") for name in ("table", "column", "constraint")}
    return {"code": error.sqlstate, **named}


def _of_pydantic(error: Any) -> dict[str, Any]:
    kinds = sorted({one["type"] for one in error.errors(include_url=False, include_context=False, include_input=False)})
    return {"model": error.title, "kinds": kinds}
