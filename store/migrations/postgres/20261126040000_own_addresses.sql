-- +goose Up

-- Addresses that are ours without being deposit addresses: the first indexes of each account key, which a wallet uses for
-- itself, and the treasury. What they send to deposit addresses is never credited.
CREATE TABLE own_addresses (
    address    text COLLATE "C" NOT NULL PRIMARY KEY,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('RESERVED', 'TREASURY')),
    xpub       text COLLATE "C" NOT NULL,
    created_at timestamptz(3) NOT NULL
);
CREATE INDEX own_addresses_by_key ON own_addresses (xpub, kind);

-- How many of the first indexes of each account key are never handed out. The first use of the database fixes it.
CREATE TABLE address_reserve (
    id   bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    size bigint NOT NULL CHECK (size BETWEEN 0 AND 1000000)
);

-- What came to one of our addresses from another one.
CREATE INDEX sweeps_by_recipient ON sweeps (to_address, block_number);
CREATE INDEX sweeps_by_tx ON sweeps (tx_hash);
