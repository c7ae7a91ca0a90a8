-- +goose Up

-- The people who log in to an operator's account beside its owner: at most 50 for each operator. An invitation that
-- nobody accepts is deleted after a day.
CREATE TABLE members (
    id              text NOT NULL PRIMARY KEY,
    operator_id     text NOT NULL REFERENCES operators (id),
    email           text NOT NULL UNIQUE,
    role            text NOT NULL CHECK (role IN ('developer', 'accountant')),
    password_hash   text NOT NULL,
    totp_sealed     blob NOT NULL DEFAULT x'',
    totp_pending    blob NOT NULL DEFAULT x'',
    totp_last_step  bigint NOT NULL DEFAULT 0,
    recovery_sealed blob NOT NULL DEFAULT x'',
    mac             blob NOT NULL,
    created_at      datetime NOT NULL,
    updated_at      datetime NOT NULL
);
CREATE INDEX members_of_operator ON members (operator_id);
CREATE INDEX members_invited ON members (updated_at) WHERE password_hash = '';

-- SQLite cannot change a CHECK, so the table is made anew.
CREATE TABLE new_sessions (
    token_hash blob NOT NULL PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('operator', 'member', 'admin')),
    account_id text NOT NULL,
    created_at datetime NOT NULL,
    seen_at    datetime NOT NULL,
    expires_at datetime NOT NULL,
    address    text NOT NULL,
    mac        blob NOT NULL DEFAULT x''
);
INSERT INTO new_sessions (token_hash, role, account_id, created_at, seen_at, expires_at, address, mac)
    SELECT token_hash, role, account_id, created_at, seen_at, expires_at, address, mac FROM sessions;
DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;
CREATE INDEX sessions_by_account ON sessions (role, account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The links made so far have no proof, so they end. Each lived for a day at most.
DROP TABLE password_links;
CREATE TABLE password_links (
    token_hash blob NOT NULL PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('operator', 'member', 'admin')),
    account_id text NOT NULL,
    created_at datetime NOT NULL,
    expires_at datetime NOT NULL,
    mac        blob NOT NULL DEFAULT x'',
    UNIQUE (role, account_id)
);
