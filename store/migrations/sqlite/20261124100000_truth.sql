-- +goose Up

-- How many confirmations a payment's transfers need is fixed when it is made, whatever the setting becomes.
ALTER TABLE payments ADD COLUMN confirmations bigint NOT NULL DEFAULT 12 CHECK (confirmations >= 1);

ALTER TABLE chain_cursors ADD COLUMN agreed_number bigint NOT NULL DEFAULT 0;
ALTER TABLE chain_cursors ADD COLUMN agreed_hash text NOT NULL DEFAULT '';
ALTER TABLE chain_cursors ADD COLUMN agreed_time datetime NOT NULL DEFAULT '1970-01-01 00:00:00+00:00';
ALTER TABLE chain_cursors ADD COLUMN finalized_number bigint NOT NULL DEFAULT 0;
ALTER TABLE chain_cursors ADD COLUMN finalized_hash text NOT NULL DEFAULT '';
ALTER TABLE chain_cursors ADD COLUMN second_number bigint NOT NULL DEFAULT 0;
UPDATE chain_cursors SET agreed_number = block_number, agreed_hash = block_hash, agreed_time = block_time, second_number = block_number;

-- Transfers from our addresses: what was swept. An address can be on both sides of one.
CREATE TABLE sweeps (
    chain_id     bigint NOT NULL,
    tx_hash      text NOT NULL,
    ordinal      bigint NOT NULL,
    from_address text NOT NULL,
    to_address   text NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    log_index    bigint NOT NULL,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    canonical    boolean NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, from_address)
);
CREATE INDEX sweeps_by_address ON sweeps (from_address, block_number);
CREATE INDEX sweeps_by_block ON sweeps (block_number) WHERE canonical;

-- Transfers to us that do not fit 64 bits. A person looks at them.
CREATE TABLE quarantined_transfers (
    chain_id     bigint NOT NULL,
    tx_hash      text NOT NULL,
    ordinal      bigint NOT NULL,
    payment_id   text NOT NULL REFERENCES payments (id),
    from_address text NOT NULL,
    value        text NOT NULL,
    log_index    bigint NOT NULL,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    canonical    boolean NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id)
);

CREATE TABLE token_events (
    chain_id     bigint NOT NULL,
    tx_hash      text NOT NULL,
    ordinal      bigint NOT NULL,
    kind         text NOT NULL,
    address      text NOT NULL,
    value        text NOT NULL,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    log_index    bigint NOT NULL,
    canonical    boolean NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal)
);
CREATE INDEX token_events_in_order ON token_events (block_number, log_index) WHERE canonical;

CREATE TABLE seen_transactions (
    tx_hash    text NOT NULL,
    payment_id text NOT NULL REFERENCES payments (id),
    amount     bigint NOT NULL,
    seen_at    datetime NOT NULL,
    PRIMARY KEY (payment_id, tx_hash)
);
CREATE INDEX seen_transactions_by_age ON seen_transactions (seen_at);

-- Of one kind and subject at most one alarm is open: a partial unique index sees to it.
CREATE TABLE alarms (
    id          integer PRIMARY KEY,
    network     text NOT NULL,
    kind        text NOT NULL,
    subject     text NOT NULL,
    message     text NOT NULL,
    count       bigint NOT NULL CHECK (count >= 1),
    raised_at   datetime NOT NULL,
    last_at     datetime NOT NULL,
    resolved_at datetime,
    resolved_by text NOT NULL,
    resolution  text NOT NULL
);
CREATE UNIQUE INDEX alarms_open ON alarms (network, kind, subject) WHERE resolved_at IS NULL;

CREATE TABLE audit_log (
    id      integer PRIMARY KEY,
    at      datetime NOT NULL,
    actor   text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    detail  text NOT NULL,
    address text NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
    WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit_log already has this row');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
-- +goose StatementEnd

CREATE TABLE rpc_nodes (
    network        text NOT NULL,
    name           text NOT NULL,
    position       bigint NOT NULL,
    state          text NOT NULL,
    reason         text NOT NULL,
    head           bigint NOT NULL,
    head_time      datetime NOT NULL,
    latency_millis bigint NOT NULL,
    since          datetime NOT NULL,
    updated_at     datetime NOT NULL,
    PRIMARY KEY (network, name)
);

CREATE TABLE reconciliations (
    id                  integer PRIMARY KEY,
    network             text NOT NULL,
    started_at          datetime NOT NULL,
    finished_at         datetime NOT NULL,
    block_number        bigint NOT NULL,
    block_hash          text NOT NULL,
    ledger_transactions bigint NOT NULL,
    transfers           bigint NOT NULL,
    addresses           bigint NOT NULL,
    open_payments       bigint NOT NULL,
    workflows_started   bigint NOT NULL,
    unchecked           text NOT NULL,
    differences         text NOT NULL
);
CREATE INDEX reconciliations_by_network ON reconciliations (network, id);
