-- What has come back from an order is added up before more of it is taken back.
CREATE INDEX movements_of_order ON movements (order_id) WHERE order_id IS NOT NULL;
