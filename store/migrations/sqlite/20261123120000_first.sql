-- +goose Up

-- Times are whole microseconds since 1970 (UTC); the driver turns them into times because the columns are datetime.

CREATE TABLE operators (
    id            text NOT NULL PRIMARY KEY,
    email         text NOT NULL UNIQUE,
    name          text NOT NULL,
    status        text NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'SUSPENDED', 'REJECTED')),
    password_hash text NOT NULL,
    created_at    datetime NOT NULL,
    updated_at    datetime NOT NULL
);

CREATE TABLE credentials (
    api_key       text NOT NULL PRIMARY KEY,
    operator_id   text NOT NULL REFERENCES operators (id),
    secret_hash   blob NOT NULL,
    secret_sealed blob NOT NULL,
    created_at    datetime NOT NULL,
    revoked_at    datetime
);
CREATE INDEX credentials_by_operator ON credentials (operator_id, created_at);

CREATE TABLE admins (
    id            text NOT NULL PRIMARY KEY,
    email         text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    created_at    datetime NOT NULL,
    updated_at    datetime NOT NULL
);

CREATE TABLE payments (
    id                  text NOT NULL PRIMARY KEY,
    operator_id         text NOT NULL REFERENCES operators (id),
    user_id             text NOT NULL,
    reference           text NOT NULL UNIQUE,
    network             text NOT NULL,
    currency            text NOT NULL,
    amount_requested    bigint NOT NULL CHECK (amount_requested > 0),
    deposit_address     text NOT NULL,
    address_index       bigint NOT NULL,
    created_at          datetime NOT NULL,
    expires_at          datetime NOT NULL,
    status              text NOT NULL CHECK (status IN ('PENDING', 'DETECTED', 'CONFIRMING', 'PAID', 'EXPIRED', 'REJECTED')),
    exception           text NOT NULL CHECK (exception IN ('', 'UNDERPAID', 'OVERPAID', 'PAID_LATE', 'REVERTED', 'ACCEPTED', 'AFTER_REJECT')),
    amount_received     bigint NOT NULL CHECK (amount_received >= 0),
    amount_credited     bigint NOT NULL CHECK (amount_credited >= 0),
    tx_hash             text NOT NULL,
    last_block          bigint NOT NULL,
    decision            text NOT NULL CHECK (decision IN ('', 'REJECT', 'ACCEPT')),
    reason              text NOT NULL,
    version             bigint NOT NULL CHECK (version >= 1),
    updated_at          datetime NOT NULL,
    workflow_started_at datetime
);
CREATE INDEX payments_by_operator ON payments (operator_id, created_at DESC, id DESC);
CREATE INDEX payments_by_status ON payments (operator_id, status, created_at DESC, id DESC);
CREATE INDEX payments_by_user ON payments (operator_id, user_id, created_at DESC, id DESC);
CREATE INDEX payments_by_exception ON payments (operator_id, exception, created_at DESC, id DESC) WHERE exception <> '';
-- The outbox: payments whose workflow is not yet known to have been started.
CREATE INDEX payments_unstarted ON payments (created_at, id) WHERE workflow_started_at IS NULL;

CREATE TABLE payment_events (
    payment_id      text NOT NULL REFERENCES payments (id),
    version         bigint NOT NULL,
    status          text NOT NULL,
    exception       text NOT NULL,
    amount_received bigint NOT NULL,
    amount_credited bigint NOT NULL,
    tx_hash         text NOT NULL,
    reason          text NOT NULL,
    created_at      datetime NOT NULL,
    PRIMARY KEY (payment_id, version)
);

-- No two payments share an address or an index: the keys of this table see to it.
CREATE TABLE deposit_addresses (
    address       text NOT NULL PRIMARY KEY,
    payment_id    text NOT NULL UNIQUE REFERENCES payments (id),
    address_index bigint NOT NULL UNIQUE,
    created_at    datetime NOT NULL
);

-- next_index is the lowest index that no process has reserved. 2^31 is where BIP-32's hardened children begin.
CREATE TABLE address_counters (
    name       text NOT NULL PRIMARY KEY,
    next_index bigint NOT NULL CHECK (next_index BETWEEN 0 AND 2147483648)
);
INSERT INTO address_counters (name, next_index) VALUES ('external', 0);

-- The payment's row comes after the key's in the transaction that makes both, so that a second call waits at the key.
CREATE TABLE idempotency_keys (
    operator_id     text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash    blob NOT NULL,
    payment_id      text NOT NULL REFERENCES payments (id) DEFERRABLE INITIALLY DEFERRED,
    created_at      datetime NOT NULL,
    PRIMARY KEY (operator_id, idempotency_key)
);

CREATE TABLE chain_cursors (
    network      text NOT NULL PRIMARY KEY,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    head_number  bigint NOT NULL,
    updated_at   datetime NOT NULL
);

CREATE TABLE chain_blocks (
    network    text NOT NULL,
    number     bigint NOT NULL,
    hash       text NOT NULL,
    block_time datetime NOT NULL,
    PRIMARY KEY (network, number)
);

CREATE TABLE transfers (
    chain_id                bigint NOT NULL,
    tx_hash                 text NOT NULL,
    ordinal                 bigint NOT NULL,
    payment_id              text NOT NULL REFERENCES payments (id),
    from_address            text NOT NULL,
    amount                  bigint NOT NULL CHECK (amount > 0),
    log_index               bigint NOT NULL,
    block_number            bigint NOT NULL,
    block_hash              text NOT NULL,
    block_time              datetime NOT NULL,
    canonical               boolean NOT NULL,
    revision                bigint NOT NULL,
    signal_due_at           bigint,
    signalled_confirmations bigint NOT NULL,
    credited_amount         bigint NOT NULL CHECK (credited_amount >= 0),
    created_at              datetime NOT NULL,
    updated_at              datetime NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id)
);
CREATE INDEX transfers_by_payment ON transfers (payment_id, block_number, log_index);
CREATE INDEX transfers_due ON transfers (signal_due_at, payment_id) WHERE signal_due_at IS NOT NULL;
CREATE INDEX transfers_by_block ON transfers (block_number) WHERE canonical;
CREATE INDEX transfers_uncredited ON transfers (payment_id, amount) WHERE canonical AND credited_amount = 0;

-- The ledger. Entries are written first, then the header that closes the transaction.
CREATE TABLE ledger_transactions (
    id          text NOT NULL PRIMARY KEY,
    external_id text NOT NULL UNIQUE,
    kind        text NOT NULL CHECK (kind IN ('CREDIT', 'REVERSAL')),
    payment_id  text NOT NULL REFERENCES payments (id),
    created_at  datetime NOT NULL
);
CREATE INDEX ledger_transactions_by_payment ON ledger_transactions (payment_id);

CREATE TABLE ledger_entries (
    id             integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    transaction_id text NOT NULL REFERENCES ledger_transactions (id) DEFERRABLE INITIALLY DEFERRED,
    account        text NOT NULL,
    amount         bigint NOT NULL CHECK (amount <> 0 AND typeof(amount) = 'integer'),
    created_at     datetime NOT NULL
);
CREATE INDEX ledger_entries_by_transaction ON ledger_entries (transaction_id);
CREATE INDEX ledger_entries_by_account ON ledger_entries (account, id, amount);

-- +goose StatementBegin
CREATE TRIGGER ledger_transactions_close BEFORE INSERT ON ledger_transactions
    WHEN (SELECT count(*) < 2 OR sum(amount) <> 0 FROM ledger_entries WHERE transaction_id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the entries of a ledger transaction must be two or more and sum to zero');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_entries_open BEFORE INSERT ON ledger_entries
    WHEN EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.transaction_id)
BEGIN
    SELECT RAISE(ABORT, 'this ledger transaction is closed');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes the row in its way without firing the triggers that refuse a delete.
-- +goose StatementBegin
CREATE TRIGGER ledger_transactions_no_replace BEFORE INSERT ON ledger_transactions
    WHEN EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.id OR external_id = NEW.external_id)
BEGIN
    SELECT RAISE(ABORT, 'ledger_transactions already has this row');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_entries_no_replace BEFORE INSERT ON ledger_entries
    WHEN EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'ledger_entries already has this row');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_events_no_replace BEFORE INSERT ON payment_events
    WHEN EXISTS (SELECT 1 FROM payment_events WHERE payment_id = NEW.payment_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'payment_events already has this row');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deposit_addresses_no_replace BEFORE INSERT ON deposit_addresses
    WHEN EXISTS (SELECT 1 FROM deposit_addresses WHERE address = NEW.address OR payment_id = NEW.payment_id OR address_index = NEW.address_index)
BEGIN
    SELECT RAISE(ABORT, 'deposit_addresses already has this row');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'ledger_entries is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'ledger_entries is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_transactions_no_update BEFORE UPDATE ON ledger_transactions
BEGIN
    SELECT RAISE(ABORT, 'ledger_transactions is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_transactions_no_delete BEFORE DELETE ON ledger_transactions
BEGIN
    SELECT RAISE(ABORT, 'ledger_transactions is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_events_no_update BEFORE UPDATE ON payment_events
BEGIN
    SELECT RAISE(ABORT, 'payment_events is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_events_no_delete BEFORE DELETE ON payment_events
BEGIN
    SELECT RAISE(ABORT, 'payment_events is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deposit_addresses_no_update BEFORE UPDATE ON deposit_addresses
BEGIN
    SELECT RAISE(ABORT, 'deposit_addresses is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deposit_addresses_no_delete BEFORE DELETE ON deposit_addresses
BEGIN
    SELECT RAISE(ABORT, 'deposit_addresses is append-only');
END;
-- +goose StatementEnd
