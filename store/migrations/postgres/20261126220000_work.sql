-- +goose Up

-- When everything that leads to a credit last worked, and since when without a pause. What waits for its credit is overdue
-- only after that has worked for a while.
ALTER TABLE chain_cursors
    ADD COLUMN worked_at     timestamptz(3) NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    ADD COLUMN working_since timestamptz(3) NOT NULL DEFAULT '1970-01-01 00:00:00+00';
