"""The certificates by which servers of AWS are verified."""

from __future__ import annotations

import os
from pathlib import Path

AWS = Path(__file__).with_name("aws-ca.pem")
"""Who signs for AWS (`make aws-ca`). All that botocore or the system trusts takes 17 ms to read, at each connection."""
OTHERS = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
APART = ("cn-", "us-iso", "eu-iso")
"""How regions are named where somebody else may sign."""


def trusted() -> str | None:
    """Return the file of who signs for AWS; None where the environment or the region leaves it to the libraries."""
    if named := os.environ.get("AWS_CA_BUNDLE"):
        return named
    left = any(name in os.environ for name in OTHERS) or os.environ.get("REGION", "").startswith(APART)
    return None if left else str(AWS)
