"""The business: pure Python on the standard library alone."""
