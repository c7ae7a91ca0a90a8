-- +goose Up

-- Deposit addresses that no payment has: what payments had that a restored database does not know, and the others up to the
-- highest index that may have been handed out. units is what they held, in micro-USDT, when that was last shown.
CREATE TABLE forgotten_addresses (
    address       text COLLATE "C" PRIMARY KEY,
    xpub          text COLLATE "C" NOT NULL,
    address_index bigint NOT NULL,
    payment_id    text COLLATE "C" NOT NULL,
    operator_id   text COLLATE "C" NOT NULL,
    units         bigint NOT NULL,
    block_number  bigint NOT NULL
);
CREATE INDEX forgotten_addresses_by_payment ON forgotten_addresses (payment_id);

-- Indexes below it are not given to new payments, also not by a process that had reserved them.
ALTER TABLE address_counters ADD COLUMN closed_below bigint NOT NULL DEFAULT 0;
