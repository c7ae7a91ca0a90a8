-- +goose Up

-- What an API key is for, where it may come from and when it ends. The proof of the row covers these four.
ALTER TABLE credentials ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN scopes text NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN networks text NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN expires_at datetime;
ALTER TABLE credentials ADD COLUMN last_used_at datetime;
