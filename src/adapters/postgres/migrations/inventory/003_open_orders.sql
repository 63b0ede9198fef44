-- The sweep looks for orders that stay open, however many have come to their end.
CREATE INDEX open_orders ON orders (updated_at) WHERE status IN ('PLACED', 'CONFIRMED');
