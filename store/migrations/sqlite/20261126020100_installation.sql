-- +goose Up

-- What the database belongs to, written at the first start. genesis_hash is '' until a quorum of nodes has stated it.
CREATE TABLE installation (
    id           bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    chain_id     bigint NOT NULL,
    genesis_hash text NOT NULL,
    token        text NOT NULL,
    bound_at     datetime NOT NULL
);

-- The account keys from which deposit addresses were ever derived, by fingerprint. The first one is at position 0.
CREATE TABLE account_keys (
    fingerprint text NOT NULL PRIMARY KEY,
    position    bigint NOT NULL UNIQUE,
    created_at  datetime NOT NULL
);

-- xpub is the fingerprint of the account key that the address comes from, '' for the key at position 0. SQLite cannot
-- change a unique constraint, so the table is made again. Nothing refers to it.
CREATE TABLE deposit_addresses_new (
    address       text NOT NULL PRIMARY KEY,
    payment_id    text NOT NULL UNIQUE REFERENCES payments (id),
    address_index bigint NOT NULL,
    created_at    datetime NOT NULL,
    xpub          text NOT NULL DEFAULT '',
    UNIQUE (xpub, address_index)
);
INSERT INTO deposit_addresses_new (address, payment_id, address_index, created_at)
SELECT address, payment_id, address_index, created_at FROM deposit_addresses;
DROP TABLE deposit_addresses;
ALTER TABLE deposit_addresses_new RENAME TO deposit_addresses;

-- +goose StatementBegin
CREATE TRIGGER deposit_addresses_no_replace BEFORE INSERT ON deposit_addresses
    WHEN EXISTS (SELECT 1 FROM deposit_addresses WHERE address = NEW.address OR payment_id = NEW.payment_id
        OR (xpub = NEW.xpub AND address_index = NEW.address_index))
BEGIN
    SELECT RAISE(ABORT, 'deposit_addresses already has this row');
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
