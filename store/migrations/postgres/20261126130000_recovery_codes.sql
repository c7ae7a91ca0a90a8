-- +goose Up

-- The recovery codes of a second factor: the hashes of those that were not used, sealed.
ALTER TABLE operators ADD COLUMN recovery_sealed bytea NOT NULL DEFAULT '';
ALTER TABLE admins ADD COLUMN recovery_sealed bytea NOT NULL DEFAULT '';
