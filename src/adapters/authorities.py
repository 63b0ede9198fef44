"""The certificates by which servers are verified."""

from pathlib import Path

AWS = Path(__file__).with_name("aws-ca.pem")
"""Who signs for AWS (`make aws-ca`). All that botocore or the system trusts takes 17 ms to read, at each connection."""
