-- +goose Up

-- A transfer is identified by the contract that emitted its log, too: "" is the contract that the database is bound to,
-- every further contract of the token is written as its address (EIP-55 form). What was recorded before stays valid.
-- SQLite cannot change a primary key, so the tables are made again. Nothing refers to them.

CREATE TABLE transfers_new (
    chain_id                bigint NOT NULL,
    tx_hash                 text NOT NULL,
    ordinal                 bigint NOT NULL,
    token                   text NOT NULL DEFAULT '',
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
    PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id, token)
);
INSERT INTO transfers_new (chain_id, tx_hash, ordinal, payment_id, from_address, amount, log_index, block_number, block_hash,
    block_time, canonical, revision, signal_due_at, signalled_confirmations, credited_amount, created_at, updated_at)
SELECT chain_id, tx_hash, ordinal, payment_id, from_address, amount, log_index, block_number, block_hash,
    block_time, canonical, revision, signal_due_at, signalled_confirmations, credited_amount, created_at, updated_at
FROM transfers;
DROP TABLE transfers;
ALTER TABLE transfers_new RENAME TO transfers;
CREATE INDEX transfers_by_payment ON transfers (payment_id, block_number, log_index);
CREATE INDEX transfers_due ON transfers (signal_due_at, payment_id) WHERE signal_due_at IS NOT NULL;
CREATE INDEX transfers_by_block ON transfers (block_number) WHERE canonical;
CREATE INDEX transfers_uncredited ON transfers (payment_id, amount) WHERE canonical AND credited_amount = 0;
CREATE INDEX transfers_by_tx ON transfers (tx_hash);

CREATE TABLE sweeps_new (
    chain_id     bigint NOT NULL,
    tx_hash      text NOT NULL,
    ordinal      bigint NOT NULL,
    token        text NOT NULL DEFAULT '',
    from_address text NOT NULL,
    to_address   text NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    log_index    bigint NOT NULL,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    canonical    boolean NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, from_address, token)
);
INSERT INTO sweeps_new (chain_id, tx_hash, ordinal, from_address, to_address, amount, log_index, block_number, block_hash,
    block_time, canonical)
SELECT chain_id, tx_hash, ordinal, from_address, to_address, amount, log_index, block_number, block_hash,
    block_time, canonical
FROM sweeps;
DROP TABLE sweeps;
ALTER TABLE sweeps_new RENAME TO sweeps;
CREATE INDEX sweeps_by_address ON sweeps (from_address, block_number);
CREATE INDEX sweeps_by_block ON sweeps (block_number) WHERE canonical;

CREATE TABLE quarantined_transfers_new (
    chain_id     bigint NOT NULL,
    tx_hash      text NOT NULL,
    ordinal      bigint NOT NULL,
    token        text NOT NULL DEFAULT '',
    payment_id   text NOT NULL REFERENCES payments (id),
    from_address text NOT NULL,
    value        text NOT NULL,
    log_index    bigint NOT NULL,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    canonical    boolean NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id, token)
);
INSERT INTO quarantined_transfers_new (chain_id, tx_hash, ordinal, payment_id, from_address, value, log_index, block_number,
    block_hash, block_time, canonical)
SELECT chain_id, tx_hash, ordinal, payment_id, from_address, value, log_index, block_number,
    block_hash, block_time, canonical
FROM quarantined_transfers;
DROP TABLE quarantined_transfers;
ALTER TABLE quarantined_transfers_new RENAME TO quarantined_transfers;

CREATE TABLE token_events_new (
    chain_id     bigint NOT NULL,
    tx_hash      text NOT NULL,
    ordinal      bigint NOT NULL,
    token        text NOT NULL DEFAULT '',
    kind         text NOT NULL,
    address      text NOT NULL,
    value        text NOT NULL,
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    block_time   datetime NOT NULL,
    log_index    bigint NOT NULL,
    canonical    boolean NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, token)
);
INSERT INTO token_events_new (chain_id, tx_hash, ordinal, kind, address, value, block_number, block_hash, block_time,
    log_index, canonical)
SELECT chain_id, tx_hash, ordinal, kind, address, value, block_number, block_hash, block_time,
    log_index, canonical
FROM token_events;
DROP TABLE token_events;
ALTER TABLE token_events_new RENAME TO token_events;
CREATE INDEX token_events_in_order ON token_events (block_number, log_index) WHERE canonical;
