-- +goose Up

-- The recovery codes of a second factor: the hashes of those that were not used, sealed.
ALTER TABLE operators ADD COLUMN recovery_sealed blob NOT NULL DEFAULT x'';
ALTER TABLE admins ADD COLUMN recovery_sealed blob NOT NULL DEFAULT x'';
