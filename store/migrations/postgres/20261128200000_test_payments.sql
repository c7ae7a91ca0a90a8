-- +goose Up
SET LOCAL lock_timeout = '10s';

-- An API key may be for test payments only. The proof of the row covers it.
ALTER TABLE credentials ADD COLUMN test boolean NOT NULL DEFAULT false;

-- Payments whose outcome is simulated. They have no row in any table that holds real money.
CREATE TABLE test_payments (
    id               text COLLATE "C" PRIMARY KEY,
    operator_id      text COLLATE "C" NOT NULL REFERENCES operators (id),
    user_id          text COLLATE "C" NOT NULL,
    reference        text COLLATE "C" NOT NULL UNIQUE,
    network          text COLLATE "C" NOT NULL,
    currency         text COLLATE "C" NOT NULL,
    amount_requested bigint NOT NULL CHECK (amount_requested > 0),
    deposit_address  text COLLATE "C" NOT NULL,
    address_index    bigint NOT NULL,
    confirmations    bigint NOT NULL,
    return_url       text NOT NULL,
    description      text NOT NULL,
    metadata         text NOT NULL,
    outcome          text COLLATE "C" NOT NULL,
    idempotency_key  text COLLATE "C",
    request_hash     bytea NOT NULL,
    created_at       timestamptz(3) NOT NULL,
    expires_at       timestamptz(3) NOT NULL,
    status           text COLLATE "C" NOT NULL,
    exception        text COLLATE "C" NOT NULL,
    amount_received  bigint NOT NULL,
    amount_credited  bigint NOT NULL,
    tx_hash          text COLLATE "C" NOT NULL,
    last_block       bigint NOT NULL,
    decision         text COLLATE "C" NOT NULL,
    reason           text NOT NULL,
    version          bigint NOT NULL,
    step             bigint NOT NULL,
    next_at          timestamptz(3),
    decided_at       timestamptz(3),
    updated_at       timestamptz(3) NOT NULL,
    mac              bytea NOT NULL
);
CREATE UNIQUE INDEX test_payments_by_key ON test_payments (operator_id, idempotency_key);
CREATE INDEX test_payments_due ON test_payments (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX test_payments_in_order ON test_payments (operator_id, created_at, id);
CREATE INDEX test_payments_by_status ON test_payments (operator_id, status, created_at, id);
CREATE INDEX test_payments_by_exception ON test_payments (operator_id, exception, created_at, id) WHERE exception <> '';
CREATE INDEX test_payments_by_user ON test_payments (operator_id, user_id, created_at, id);
CREATE INDEX test_payments_by_address ON test_payments (operator_id, deposit_address);
CREATE INDEX test_payments_by_transaction ON test_payments (operator_id, tx_hash);
CREATE INDEX test_payments_by_age ON test_payments (created_at);
