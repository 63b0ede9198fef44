"""How many reads of a product one process of the service answers, beside FastAPI and uvicorn with the same query.

Both without a proxy in front, in turn, asked by wrk (on Debian: apt install wrk) over 16 connections.

PYTHONPATH=src:. .venv/bin/python benchmarks/get_product.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import psycopg

from adapters.postgres.database import Server
from benchmarks.turns import arguments
from local.services import APP, SERVER, THREADS
from local.state import ROOT
from tests.servers import free_port, postgres, process

BIN = Path(sys.executable).parent
PATH = "/products/SKU7"
SECONDS = 5
LATENCY, RATE = re.compile(r"99%\s+([\d.]+)(us|ms|s)\b"), re.compile(r"Requests/sec:\s+([\d.]+)")
MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000}


def asked(url: str) -> tuple[float, float]:
    """Return requests a second, and milliseconds that 99 of 100 do not exceed. Fails if one was not answered 200."""
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "--latency", f"{url}{PATH}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - one of ours
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    slow, rate = LATENCY.search(said), RATE.search(said)
    assert slow, said
    assert rate, said
    return float(rate[1]), float(slow[1]) * MILLISECONDS[slow[2]]


def asked_once(url: str) -> None:
    """Read the product. Raises OSError while nobody listens."""
    with urlopen(url + PATH):  # noqa: S310 - on this machine
        pass


@contextmanager
def serving(command: list[str], port: int, folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """Run a server for the block; return its URL."""
    url = f"http://127.0.0.1:{port}"
    with process(command, signal.SIGTERM, lambda: asked_once(url), cwd=folder, env={**os.environ, **variables}):
        yield url


def both(server: Server) -> list[tuple[list[str], int, Path, dict[str, str]]]:
    """Return how each is run."""
    ours, theirs = free_port(), free_port()
    secret = {"host": server.host, "port": server.port, "username": server.username, "password": server.password}
    variables = {
        "SERVICE": "product", "GRANIAN_BLOCKING_THREADS": THREADS["product"],
        "TOKENS_VERIFIED_BY": "gateway", "STAGE": "local", "REGION": "us-east-1",
        "TOKEN_ALGORITHMS": "RS256", "TOKEN_ISSUER": "https://issuer", "TOKEN_CLIENT_IDS": "1", "JWKS_URL": "https://x",
        "DATABASE_SSLMODE": "disable", "PRODUCT_SECRET_ARN": "arn", "PRODUCT_SECRET": json.dumps(secret),
        "POWERTOOLS_SERVICE_NAME": "tradepost", "POWERTOOLS_METRICS_NAMESPACE": "Tradepost", "PATH": os.environ["PATH"],
    }  # fmt: skip
    dsn = f"host={server.host} port={server.port} user={server.username} password={server.password} dbname=product"
    uvicorn = ["uvicorn", "--port", str(theirs), "benchmarks.fastapi_peer:app"]
    granian = [*SERVER, "--port", str(ours), APP]
    return [
        ([str(BIN / granian[0]), *granian[1:]], ours, ROOT / "src", variables),
        ([str(BIN / uvicorn[0]), *uvicorn[1:]], theirs, ROOT, {"DSN": dsn}),
    ]


def main() -> None:
    """Measure both in turn, so that the machine's moods meet both, and print medians and ratio."""
    rounds = arguments(__doc__ or "", rounds=5).parse_args().rounds
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed here: on Debian, apt install wrk")
    with postgres() as server, ExitStack() as running:
        with psycopg.connect(
            host=server.host, port=server.port, user=server.username, password=server.password, dbname="product"
        ) as connection:
            connection.execute(
                "INSERT INTO products (sku, name, description, price_minor, currency, active, created_at, updated_at)"
                " SELECT 'SKU' || n, 'Tea', 'good', 100, 'EUR', true, now(), now() FROM generate_series(1, 500) n"
            )
        urls = [running.enter_context(serving(*one)) for one in both(server)]
        for url in urls:
            asked(url)
        found = [[asked(url) for url in urls] for _ in range(rounds)]
    columns = zip(*found, strict=True)
    ours, theirs = ([statistics.median(part) for part in zip(*column, strict=True)] for column in columns)
    for name, (rate, slow) in {"service": ours, "FastAPI": theirs}.items():
        print(f"{name}: {rate:.0f} requests/s, 99 of 100 within {slow:.1f} ms")
    print(f"ratio {ours[0] / theirs[0]:.2f}")


if __name__ == "__main__":
    main()
