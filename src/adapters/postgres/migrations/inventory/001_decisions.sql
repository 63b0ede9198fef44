-- What one transaction must decide together. Lock order: orders by id, then product_info by sku.

CREATE TABLE product_info (
  sku text COLLATE "C" PRIMARY KEY,
  on_hand bigint NOT NULL CHECK (on_hand >= 0),
  allocated bigint NOT NULL CHECK (allocated BETWEEN 0 AND on_hand),
  shipped_total bigint NOT NULL CHECK (shipped_total >= 0),
  version bigint NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE orders (
  id uuid PRIMARY KEY,
  customer_id text NOT NULL,
  status text NOT NULL CHECK (status IN ('PLACED', 'CONFIRMED', 'FULFILLED', 'REJECTED', 'CANCELLED')),
  reason text,
  currency char(3) NOT NULL,
  total_minor bigint NOT NULL CHECK (total_minor >= 0),
  line_count integer NOT NULL CHECK (line_count > 0),
  version integer NOT NULL,
  placed_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
-- Ids are UUIDv7, so a customer's newest orders are the last of this index.
CREATE INDEX orders_of_customer ON orders (customer_id, id);

CREATE TABLE order_lines (
  order_id uuid NOT NULL REFERENCES orders,
  position integer NOT NULL,
  sku text NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  unit_price_minor bigint NOT NULL,
  PRIMARY KEY (order_id, position)
);

CREATE TABLE order_events (
  order_id uuid NOT NULL REFERENCES orders,
  version integer NOT NULL,
  status text NOT NULL,
  reason text,
  at timestamptz NOT NULL,
  PRIMARY KEY (order_id, version)
);

-- The audit trail of what people did to the stock; rows are only ever added.
CREATE TABLE movements (
  id uuid PRIMARY KEY,
  sku text COLLATE "C" NOT NULL REFERENCES product_info,
  kind text NOT NULL CHECK (kind IN ('purchase', 'return', 'adjustment')),
  quantity bigint NOT NULL CHECK (quantity > 0 OR (quantity < 0 AND kind = 'adjustment')),
  reason text,
  order_id uuid REFERENCES orders,
  actor text NOT NULL,
  at timestamptz NOT NULL,
  version bigint NOT NULL,
  UNIQUE (sku, version)
);

CREATE TABLE idempotency_keys (
  scope text PRIMARY KEY,
  fingerprint text NOT NULL,
  resource uuid NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  key text NOT NULL,
  body text NOT NULL,
  written_at timestamptz NOT NULL
);
