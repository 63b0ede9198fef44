"""What the pipeline asks of an API that it has deployed, asked of the running stack."""

from __future__ import annotations

import os

import pytest

from tests import buildspec
from tests.e2e.shop import Shop

pytestmark = pytest.mark.xdist_group("e2e")


def test_the_shop_passes_the_smoke_test_of_the_pipeline(shop: Shop) -> None:
    said = buildspec.run(
        "delivery/smoke.yml", "build", buildspec.ROOT, {"PATH": os.environ["PATH"], "API_URL": shop.info.url}
    )

    assert said == f"{shop.info.url} serves\n"
