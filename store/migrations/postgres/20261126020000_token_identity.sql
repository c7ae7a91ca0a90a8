-- +goose Up

-- A transfer is identified by the contract that emitted its log, too: "" is the contract that the database is bound to,
-- every further contract of the token is written as its address (EIP-55 form). What was recorded before stays valid.
SET LOCAL lock_timeout = '10s';

ALTER TABLE transfers ADD COLUMN token text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE transfers DROP CONSTRAINT transfers_pkey;
ALTER TABLE transfers ADD PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id, token);

ALTER TABLE sweeps ADD COLUMN token text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sweeps DROP CONSTRAINT sweeps_pkey;
ALTER TABLE sweeps ADD PRIMARY KEY (chain_id, tx_hash, ordinal, from_address, token);

ALTER TABLE quarantined_transfers ADD COLUMN token text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE quarantined_transfers DROP CONSTRAINT quarantined_transfers_pkey;
ALTER TABLE quarantined_transfers ADD PRIMARY KEY (chain_id, tx_hash, ordinal, payment_id, token);

ALTER TABLE token_events ADD COLUMN token text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE token_events DROP CONSTRAINT token_events_pkey;
ALTER TABLE token_events ADD PRIMARY KEY (chain_id, tx_hash, ordinal, token);
