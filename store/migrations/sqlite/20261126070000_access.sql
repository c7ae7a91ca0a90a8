-- +goose Up

-- A disabled admin cannot log in, and its sessions have ended.
ALTER TABLE admins ADD COLUMN disabled_at datetime;

-- Links with which an account's owner sets a password, once.
CREATE TABLE password_links (
    token_hash blob NOT NULL PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('operator', 'admin')),
    account_id text NOT NULL,
    created_at datetime NOT NULL,
    expires_at datetime NOT NULL,
    UNIQUE (role, account_id)
);
