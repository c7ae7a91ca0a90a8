-- +goose Up

-- When everything that leads to a credit last worked, and since when without a pause. What waits for its credit is overdue
-- only after that has worked for a while.
ALTER TABLE chain_cursors ADD COLUMN worked_at datetime NOT NULL DEFAULT 0;
ALTER TABLE chain_cursors ADD COLUMN working_since datetime NOT NULL DEFAULT 0;
