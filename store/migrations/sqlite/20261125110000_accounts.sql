-- +goose Up

ALTER TABLE operators ADD COLUMN website text NOT NULL DEFAULT '';
ALTER TABLE operators ADD COLUMN status_reason text NOT NULL DEFAULT '';
ALTER TABLE operators ADD COLUMN return_origins text NOT NULL DEFAULT '';
ALTER TABLE operators ADD COLUMN totp_sealed blob NOT NULL DEFAULT x'';
ALTER TABLE operators ADD COLUMN totp_pending blob NOT NULL DEFAULT x'';
ALTER TABLE operators ADD COLUMN totp_last_step bigint NOT NULL DEFAULT 0;
ALTER TABLE admins ADD COLUMN totp_sealed blob NOT NULL DEFAULT x'';
ALTER TABLE admins ADD COLUMN totp_pending blob NOT NULL DEFAULT x'';
ALTER TABLE admins ADD COLUMN totp_last_step bigint NOT NULL DEFAULT 0;
CREATE INDEX operators_by_status ON operators (status, created_at, id);

-- When a newer credential takes its place, the old one works until this time.
ALTER TABLE credentials ADD COLUMN valid_until datetime;

CREATE TABLE sessions (
    token_hash blob NOT NULL PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('operator', 'admin')),
    account_id text NOT NULL,
    created_at datetime NOT NULL,
    seen_at    datetime NOT NULL,
    expires_at datetime NOT NULL,
    address    text NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (role, account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- How often logging in was tried lately, by account (a hash of the address that was typed in) and by network address.
CREATE TABLE login_attempts (
    subject  text NOT NULL PRIMARY KEY,
    tries    bigint NOT NULL,
    begun_at datetime NOT NULL
);
CREATE INDEX login_attempts_by_time ON login_attempts (begun_at);

-- Looking for a payment by its transaction.
CREATE INDEX transfers_by_tx ON transfers (tx_hash);
-- Everybody's payments, for admins.
CREATE INDEX payments_by_time ON payments (created_at DESC, id DESC);
