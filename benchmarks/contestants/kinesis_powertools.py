"""The stream as Powertools' documentation of its batch processor has it: `model`, the data as `Json` of a model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser.models import KinesisDataStreamRecord, KinesisDataStreamRecordPayload
from pydantic import AwareDatetime, BaseModel, Field, Json

Whole = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Time = Annotated[
    AwareDatetime, Field(strict=True, ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC))
]


class StockLevel(BaseModel):
    """One sku's stock."""

    type: Literal["stock"]
    sku: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,63}$")]
    on_hand: Whole
    allocated: Whole
    shipped_total: Whole
    version: Whole
    at: Time


class OrderStep(BaseModel):
    """An order reached a status."""

    type: Literal["order"]
    order_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    status: Literal["PLACED", "CONFIRMED", "FULFILLED", "REJECTED", "CANCELLED"]
    at: Time


class Payload(KinesisDataStreamRecordPayload):
    """What a record says."""

    data: Json[Annotated[StockLevel | OrderStep, Field(discriminator="type")]]


class Record(KinesisDataStreamRecord):
    """A record that says so."""

    kinesis: Payload


processor = BatchProcessor(EventType.KinesisDataStreams, model=Record, raise_on_entire_batch_failure=False)


def work(record: Record) -> None:
    """Do nothing with a record."""


def handler(event: dict[str, Any], context: Any) -> Any:
    """Return the records that failed."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)
