-- +goose Up
SET LOCAL lock_timeout = '10s';

-- What an operator is told by mail has a proof; without one it is told everything. Mails go to the address that it logs
-- in with, and to no other.
ALTER TABLE operators
    DROP COLUMN notify_address,
    ADD COLUMN notify_mac bytea NOT NULL DEFAULT '';

DROP INDEX notices_by_account;
ALTER TABLE notices DROP COLUMN address;
CREATE INDEX notices_by_account ON notices (account, kind, id);
