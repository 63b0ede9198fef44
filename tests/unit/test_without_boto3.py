"""Powertools' idempotency is imported without boto3, and boto3 is whole for whoever imports it later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from handlers.http.without_boto3 import without_boto3

SRC = Path(__file__).parents[2] / "src"
IMPORTED = """
import sys
from handlers.http.without_boto3 import without_boto3
with without_boto3():
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
assert not {"boto3", "s3transfer", "multiprocessing"} & set(sys.modules)
store = DynamoDBPersistenceLayer(table_name="answers", boto3_client=object())
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(SRC)}, timeout=60)


def test_a_store_with_a_client_of_ours_needs_no_boto3() -> None:
    run(IMPORTED)


def test_boto3_is_whole_afterwards() -> None:
    run(
        f"{IMPORTED}\nimport boto3, boto3.dynamodb.types\n"
        "assert boto3.Session and boto3.dynamodb.types.TypeDeserializer and boto3.compat.SOCKET_ERROR"
    )


def test_boto3_is_let_be_where_it_is_loaded() -> None:
    import boto3  # noqa: PLC0415 - loaded now

    with without_boto3():
        assert sys.modules["boto3"] is boto3
    assert sys.modules["boto3"] is boto3


def test_an_import_that_fails_leaves_nothing() -> None:
    run(
        "import sys\nfrom handlers.http.without_boto3 import without_boto3\n"
        "try:\n    with without_boto3():\n        import boto3.nothing\n"
        "except ModuleNotFoundError:\n    assert 'boto3' not in sys.modules\nelse:\n    sys.exit(1)"
    )
