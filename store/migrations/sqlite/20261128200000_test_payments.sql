-- +goose Up

-- An API key may be for test payments only. The proof of the row covers it.
ALTER TABLE credentials ADD COLUMN test boolean NOT NULL DEFAULT false;

-- Payments whose outcome is simulated. They have no row in any table that holds real money.
CREATE TABLE test_payments (
    id               text NOT NULL PRIMARY KEY,
    operator_id      text NOT NULL REFERENCES operators (id),
    user_id          text NOT NULL,
    reference        text NOT NULL UNIQUE,
    network          text NOT NULL,
    currency         text NOT NULL,
    amount_requested bigint NOT NULL CHECK (amount_requested > 0),
    deposit_address  text NOT NULL,
    address_index    bigint NOT NULL,
    confirmations    bigint NOT NULL,
    return_url       text NOT NULL,
    description      text NOT NULL,
    metadata         text NOT NULL,
    outcome          text NOT NULL,
    idempotency_key  text,
    request_hash     blob NOT NULL,
    created_at       datetime NOT NULL,
    expires_at       datetime NOT NULL,
    status           text NOT NULL,
    exception        text NOT NULL,
    amount_received  bigint NOT NULL,
    amount_credited  bigint NOT NULL,
    tx_hash          text NOT NULL,
    last_block       bigint NOT NULL,
    decision         text NOT NULL,
    reason           text NOT NULL,
    version          bigint NOT NULL,
    step             bigint NOT NULL,
    next_at          datetime,
    decided_at       datetime,
    updated_at       datetime NOT NULL,
    mac              blob NOT NULL
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
