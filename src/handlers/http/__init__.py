"""The HTTP edge: requests in, answers and problem documents out."""
