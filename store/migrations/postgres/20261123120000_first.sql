-- +goose Up

-- Ids, hashes and references are compared byte by byte (COLLATE "C"): SQLite does the same, and so do paging cursors.

CREATE TABLE operators (
    id            text COLLATE "C" PRIMARY KEY,
    email         text COLLATE "C" NOT NULL UNIQUE,
    name          text NOT NULL,
    status        text COLLATE "C" NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'SUSPENDED', 'REJECTED')),
    password_hash text NOT NULL,
    created_at    timestamptz(3) NOT NULL,
    updated_at    timestamptz(3) NOT NULL
);

CREATE TABLE credentials (
    api_key       text COLLATE "C" PRIMARY KEY,
    operator_id   text COLLATE "C" NOT NULL REFERENCES operators (id),
    secret_hash   bytea NOT NULL,
    secret_sealed bytea NOT NULL,
    created_at    timestamptz(3) NOT NULL,
    revoked_at    timestamptz(3)
);
CREATE INDEX credentials_by_operator ON credentials (operator_id, created_at);

CREATE TABLE admins (
    id            text COLLATE "C" PRIMARY KEY,
    email         text COLLATE "C" NOT NULL UNIQUE,
    password_hash text NOT NULL,
    created_at    timestamptz(3) NOT NULL,
    updated_at    timestamptz(3) NOT NULL
);

CREATE TABLE payments (
    id                  text COLLATE "C" PRIMARY KEY,
    operator_id         text COLLATE "C" NOT NULL REFERENCES operators (id),
    user_id             text COLLATE "C" NOT NULL,
    reference           text COLLATE "C" NOT NULL UNIQUE,
    network             text COLLATE "C" NOT NULL,
    currency            text COLLATE "C" NOT NULL,
    amount_requested    bigint NOT NULL CHECK (amount_requested > 0),
    deposit_address     text COLLATE "C" NOT NULL,
    address_index       bigint NOT NULL,
    created_at          timestamptz(3) NOT NULL,
    expires_at          timestamptz(3) NOT NULL,
    status              text COLLATE "C" NOT NULL CHECK (status IN ('PENDING', 'DETECTED', 'CONFIRMING', 'PAID', 'EXPIRED', 'REJECTED')),
    exception           text COLLATE "C" NOT NULL CHECK (exception IN ('', 'UNDERPAID', 'OVERPAID', 'PAID_LATE', 'REVERTED', 'ACCEPTED', 'AFTER_REJECT')),
    amount_received     bigint NOT NULL CHECK (amount_received >= 0),
    amount_credited     bigint NOT NULL CHECK (amount_credited >= 0),
    tx_hash             text COLLATE "C" NOT NULL,
    last_block          bigint NOT NULL,
    decision            text COLLATE "C" NOT NULL CHECK (decision IN ('', 'REJECT', 'ACCEPT')),
    reason              text NOT NULL,
    version             bigint NOT NULL CHECK (version >= 1),
    updated_at          timestamptz(3) NOT NULL,
    workflow_started_at timestamptz(3)
);
CREATE INDEX payments_by_operator ON payments (operator_id, created_at DESC, id DESC);
CREATE INDEX payments_by_status ON payments (operator_id, status, created_at DESC, id DESC);
CREATE INDEX payments_by_user ON payments (operator_id, user_id, created_at DESC, id DESC);
CREATE INDEX payments_by_exception ON payments (operator_id, exception, created_at DESC, id DESC) WHERE exception <> '';
-- The outbox: payments whose workflow is not yet known to have been started.
CREATE INDEX payments_unstarted ON payments (created_at, id) WHERE workflow_started_at IS NULL;

CREATE TABLE payment_events (
    payment_id      text COLLATE "C" NOT NULL REFERENCES payments (id),
    version         bigint NOT NULL,
    status          text COLLATE "C" NOT NULL,
    exception       text COLLATE "C" NOT NULL,
    amount_received bigint NOT NULL,
    amount_credited bigint NOT NULL,
    tx_hash         text COLLATE "C" NOT NULL,
    reason          text NOT NULL,
    created_at      timestamptz(3) NOT NULL,
    PRIMARY KEY (payment_id, version)
);

-- No two payments share an address or an index: the keys of this table see to it.
CREATE TABLE deposit_addresses (
    address       text COLLATE "C" PRIMARY KEY,
    payment_id    text COLLATE "C" NOT NULL UNIQUE REFERENCES payments (id),
    address_index bigint NOT NULL UNIQUE,
    created_at    timestamptz(3) NOT NULL
);

-- next_index is the lowest index that no process has reserved. 2^31 is where BIP-32's hardened children begin.
CREATE TABLE address_counters (
    name       text COLLATE "C" PRIMARY KEY,
    next_index bigint NOT NULL CHECK (next_index BETWEEN 0 AND 2147483648)
);
INSERT INTO address_counters (name, next_index) VALUES ('external', 0);

-- The payment's row comes after the key's in the transaction that makes both, so that a second call waits at the key.
CREATE TABLE idempotency_keys (
    operator_id     text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    request_hash    bytea NOT NULL,
    payment_id      text COLLATE "C" NOT NULL REFERENCES payments (id) DEFERRABLE INITIALLY DEFERRED,
    created_at      timestamptz(3) NOT NULL,
    PRIMARY KEY (operator_id, idempotency_key)
);

CREATE TABLE chain_cursors (
    network      text COLLATE "C" PRIMARY KEY,
    block_number bigint NOT NULL,
    block_hash   text COLLATE "C" NOT NULL,
    block_time   timestamptz(3) NOT NULL,
    head_number  bigint NOT NULL,
    updated_at   timestamptz(3) NOT NULL
);

CREATE TABLE chain_blocks (
    network    text COLLATE "C" NOT NULL,
    number     bigint NOT NULL,
    hash       text COLLATE "C" NOT NULL,
    block_time timestamptz(3) NOT NULL,
    PRIMARY KEY (network, number)
);

CREATE TABLE transfers (
    chain_id                bigint NOT NULL,
    tx_hash                 text COLLATE "C" NOT NULL,
    ordinal                 bigint NOT NULL,
    payment_id              text COLLATE "C" NOT NULL REFERENCES payments (id),
    from_address            text COLLATE "C" NOT NULL,
    amount                  bigint NOT NULL CHECK (amount > 0),
    log_index               bigint NOT NULL,
    block_number            bigint NOT NULL,
    block_hash              text COLLATE "C" NOT NULL,
    block_time              timestamptz(3) NOT NULL,
    canonical               boolean NOT NULL,
    revision                bigint NOT NULL,
    signal_due_at           bigint,
    signalled_confirmations bigint NOT NULL,
    credited_amount         bigint NOT NULL CHECK (credited_amount >= 0),
    created_at              timestamptz(3) NOT NULL,
    updated_at              timestamptz(3) NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id)
);
CREATE INDEX transfers_by_payment ON transfers (payment_id, block_number, log_index);
CREATE INDEX transfers_due ON transfers (signal_due_at, payment_id) WHERE signal_due_at IS NOT NULL;
CREATE INDEX transfers_by_block ON transfers (block_number) WHERE canonical;
CREATE INDEX transfers_uncredited ON transfers (payment_id, amount) WHERE canonical AND credited_amount = 0;

-- The ledger. Entries are written first, then the header that closes the transaction.
CREATE TABLE ledger_transactions (
    id          text COLLATE "C" PRIMARY KEY,
    external_id text COLLATE "C" NOT NULL UNIQUE,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('CREDIT', 'REVERSAL')),
    payment_id  text COLLATE "C" NOT NULL REFERENCES payments (id),
    created_at  timestamptz(3) NOT NULL
);
CREATE INDEX ledger_transactions_by_payment ON ledger_transactions (payment_id);

CREATE TABLE ledger_entries (
    id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    transaction_id text COLLATE "C" NOT NULL REFERENCES ledger_transactions (id) DEFERRABLE INITIALLY DEFERRED,
    account        text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL CHECK (amount <> 0),
    created_at     timestamptz(3) NOT NULL
);
CREATE INDEX ledger_entries_by_transaction ON ledger_entries (transaction_id);
CREATE INDEX ledger_entries_by_account ON ledger_entries (account, id) INCLUDE (amount);

-- +goose StatementBegin
CREATE FUNCTION ledger_close_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    legs bigint;
    total numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount), 0) INTO legs, total FROM ledger_entries WHERE transaction_id = NEW.id;
    IF legs < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'the entries of a ledger transaction must be two or more and sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_transactions_close BEFORE INSERT ON ledger_transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_close_transaction();

-- The advisory lock makes a second session wait until the first one, that writes to the same ledger transaction, has
-- ended; only then can it see whether there is a header.
-- +goose StatementBegin
CREATE FUNCTION ledger_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger:' || NEW.transaction_id, 0));
    IF EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.transaction_id) THEN
        RAISE EXCEPTION 'this ledger transaction is closed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_entries_open BEFORE INSERT ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed();

-- A last look at commit, whatever isolation level the writer chose.
-- +goose StatementBegin
CREATE FUNCTION ledger_check_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM ledger_entries WHERE transaction_id = NEW.transaction_id) <> 0 THEN
        RAISE EXCEPTION 'the entries of a ledger transaction must sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER ledger_entries_balanced AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_balanced();

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_addresses_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit_addresses
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
