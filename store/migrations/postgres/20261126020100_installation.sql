-- +goose Up

-- What the database belongs to, written at the first start. genesis_hash is '' until a quorum of nodes has stated it.
CREATE TABLE installation (
    id           bigint PRIMARY KEY CHECK (id = 1),
    chain_id     bigint NOT NULL,
    genesis_hash text COLLATE "C" NOT NULL,
    token        text COLLATE "C" NOT NULL,
    bound_at     timestamptz(3) NOT NULL
);

-- The account keys from which deposit addresses were ever derived, by fingerprint. The first one is at position 0.
CREATE TABLE account_keys (
    fingerprint text COLLATE "C" PRIMARY KEY,
    position    bigint NOT NULL UNIQUE,
    created_at  timestamptz(3) NOT NULL
);

-- xpub is the fingerprint of the account key that the address comes from, '' for the key at position 0.
SET LOCAL lock_timeout = '10s';
ALTER TABLE deposit_addresses ADD COLUMN xpub text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE deposit_addresses DROP CONSTRAINT deposit_addresses_address_index_key;
ALTER TABLE deposit_addresses ADD CONSTRAINT deposit_addresses_xpub_address_index_key UNIQUE (xpub, address_index);
