"""The same work as a good tutorial does it: Powertools' BatchProcessor, and each record for itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import psycopg
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

Connection = psycopg.Connection[Any]
Allocate = Callable[[Connection, str], bool]
"""Promises an order's stock in the open transaction, all lines or none; says whether it could."""


class OrderProcessor:
    """A message is a transaction; one connection and one client for all of them."""

    def __init__(self, connection: Connection, queue: str, allocate: Allocate) -> None:
        self._connection = connection
        self._queue = queue
        self._allocate = allocate
        self._sqs: Any = boto3.client("sqs")

    def handler(self, event: dict[str, Any], context: Any) -> Any:
        """Process a batch; return the messages that failed."""
        processor = BatchProcessor(event_type=EventType.SQS)
        return process_partial_response(event, self._process, processor, context)

    def _process(self, record: SQSRecord) -> None:
        order_id = record.json_body["order_id"]
        with self._connection.transaction():
            status = self._decide(order_id)
        if status == "CONFIRMED":
            self._sqs.send_message(QueueUrl=self._queue, MessageBody=json.dumps({"order_id": order_id}))

    def _decide(self, order_id: str) -> str | None:
        found = self._connection.execute("SELECT status FROM orders WHERE id = %s FOR UPDATE", [order_id]).fetchone()
        if found is None:
            raise LookupError(order_id)
        if found[0] != "PLACED":
            return None
        status = "CONFIRMED" if self._allocate(self._connection, order_id) else "REJECTED"
        self._connection.execute(
            "UPDATE orders SET status = %s, version = version + 1, updated_at = now() WHERE id = %s", [status, order_id]
        )
        return status


def read_then_write(connection: Connection, order_id: str) -> bool:
    """Lock and look at each line's product, then write each: two statements per line."""
    lines = _lines(connection, order_id)
    for sku, quantity in lines:
        row = connection.execute(
            "SELECT on_hand - allocated FROM product_info WHERE sku = %s FOR UPDATE", [sku]
        ).fetchone()
        if row is None or row[0] < quantity:
            return False
    for sku, quantity in lines:
        connection.execute(
            "UPDATE product_info SET allocated = allocated + %s, version = version + 1, updated_at = now()"
            " WHERE sku = %s",
            [quantity, sku],
        )
    return True


def write_if_enough(connection: Connection, order_id: str) -> bool:
    """Write each line's product if it has enough: one statement per line, and a savepoint to go back to."""
    with connection.transaction():
        for sku, quantity in _lines(connection, order_id):
            written = connection.execute(
                "UPDATE product_info SET allocated = allocated + %s, version = version + 1, updated_at = now()"
                " WHERE sku = %s AND on_hand - allocated >= %s",
                [quantity, sku, quantity],
            )
            if not written.rowcount:
                raise psycopg.Rollback  # ends this block, and nothing else
        return True
    return False


def _lines(connection: Connection, order_id: str) -> list[tuple[str, int]]:
    """Return an order's units by sku, in the order of skus, so that no two orders wait for each other."""
    return connection.execute(
        "SELECT sku, sum(quantity)::bigint FROM order_lines WHERE order_id = %s GROUP BY sku ORDER BY sku", [order_id]
    ).fetchall()


class Projector:
    """Each record is a conditional write."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def handler(self, event: dict[str, Any], context: Any) -> Any:
        """Project a batch; return the records that failed."""
        processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
        return process_partial_response(event, self._write, processor, context)

    def _write(self, record: KinesisStreamRecord) -> None:
        stock = record.kinesis.data_as_json()
        with suppress(self._client.exceptions.ConditionalCheckFailedException):  # it has that version or a newer one
            self._client.update_item(
                TableName=self._table,
                Key={"sku": {"S": stock["sku"]}},
                UpdateExpression="SET version = :v, on_hand = :h, allocated = :a, shipped_total = :s, updated_at = :t",
                ConditionExpression="attribute_not_exists(version) OR version < :v",
                ExpressionAttributeValues={
                    ":v": {"N": str(stock["version"])},
                    ":h": {"N": str(stock["on_hand"])},
                    ":a": {"N": str(stock["allocated"])},
                    ":s": {"N": str(stock["shipped_total"])},
                    ":t": {"S": stock["at"]},
                },
            )
