-- +goose Up

-- Blocks that a reconciliation wants to have read again, both included; 0 when there are none.
ALTER TABLE chain_cursors ADD COLUMN rescan_from bigint NOT NULL DEFAULT 0;
ALTER TABLE chain_cursors ADD COLUMN rescan_to bigint NOT NULL DEFAULT 0;

-- How often blocks were read again for a difference between a balance and the chain, when last, and for which amount in
-- micro-USDT.
ALTER TABLE reconciliation_findings ADD COLUMN rescans bigint NOT NULL DEFAULT 0;
ALTER TABLE reconciliation_findings ADD COLUMN rescanned_at datetime NOT NULL DEFAULT 0;
ALTER TABLE reconciliation_findings ADD COLUMN rescan_units text NOT NULL DEFAULT '';
