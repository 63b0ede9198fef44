"""An imitation of API Gateway's HTTP API."""
