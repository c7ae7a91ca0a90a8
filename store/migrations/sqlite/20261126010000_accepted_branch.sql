-- +goose Up

-- The block in place of a finalized one that an admin has accepted by resolving REORG_BELOW_FINALITY. Resolving the alarm
-- used to remove the finalized block, so that any branch could be followed from then on.
ALTER TABLE chain_cursors ADD COLUMN accepted_number bigint NOT NULL DEFAULT 0;
ALTER TABLE chain_cursors ADD COLUMN accepted_hash text NOT NULL DEFAULT '';
