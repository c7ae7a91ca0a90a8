-- +goose Up

-- The proof that this program wrote the row: a planted one must not make a payer's money look like ours.
ALTER TABLE own_addresses ADD COLUMN mac bytea NOT NULL DEFAULT '';
