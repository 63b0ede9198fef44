"""Orders: placed by customers, decided in batches, exactly one outcome each."""
