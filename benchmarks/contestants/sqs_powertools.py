"""Queue 1 as Powertools' documentation of its batch processor has it: `model`, with the body as `Json` of a model."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import BaseModel, ConfigDict, Json


class Task(BaseModel):
    """Which order waits for its next step."""

    model_config = ConfigDict(strict=True)

    order_id: str


class Message(SqsRecordModel):
    """A message with such a body."""

    body: Json[Task]


processor = BatchProcessor(EventType.SQS, model=Message, raise_on_entire_batch_failure=False)


def work(record: Message) -> None:
    """Do nothing with a message."""


def handler(event: dict[str, Any], context: Any) -> Any:
    """Return the messages that failed."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)
