-- +goose Up

-- Blocks that a reconciliation wants to have read again, both included; 0 when there are none.
ALTER TABLE chain_cursors
    ADD COLUMN rescan_from bigint NOT NULL DEFAULT 0,
    ADD COLUMN rescan_to   bigint NOT NULL DEFAULT 0;

-- How often blocks were read again for a difference between a balance and the chain, when last, and for which amount in
-- micro-USDT.
ALTER TABLE reconciliation_findings
    ADD COLUMN rescans      bigint NOT NULL DEFAULT 0,
    ADD COLUMN rescanned_at timestamptz(3) NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    ADD COLUMN rescan_units text COLLATE "C" NOT NULL DEFAULT '';
