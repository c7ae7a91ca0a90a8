-- +goose Up

-- A disabled admin cannot log in, and its sessions have ended.
ALTER TABLE admins ADD COLUMN disabled_at timestamptz(3);

-- Links with which an account's owner sets a password, once.
CREATE TABLE password_links (
    token_hash bytea NOT NULL PRIMARY KEY,
    role       text COLLATE "C" NOT NULL CHECK (role IN ('operator', 'admin')),
    account_id text COLLATE "C" NOT NULL,
    created_at timestamptz(3) NOT NULL,
    expires_at timestamptz(3) NOT NULL,
    UNIQUE (role, account_id)
);
