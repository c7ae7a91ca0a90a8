-- +goose Up

-- What accounts are to be told by mail: written by the transaction that causes it, deleted by the one that puts it into
-- a mail. What is in no mail after three days is dropped.
CREATE TABLE notices (
    id      integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    account text NOT NULL,
    kind    text NOT NULL,
    address text NOT NULL,
    text    text NOT NULL,
    mac     blob NOT NULL,
    at      datetime NOT NULL
);
CREATE INDEX notices_by_account ON notices (account, kind, address, id);
CREATE INDEX notices_by_time ON notices (at);

-- Mails that are to be sent, and those of the last days. Sending is tried for three days; after a week the row is
-- dropped.
CREATE TABLE mails (
    id          text NOT NULL PRIMARY KEY,
    account     text NOT NULL,
    recipient   text NOT NULL,
    subject     text NOT NULL,
    text        text NOT NULL,
    tries       bigint NOT NULL,
    next_try_at datetime,
    sent_at     datetime,
    error       text NOT NULL,
    mac         blob NOT NULL,
    created_at  datetime NOT NULL
);
CREATE INDEX mails_to_try ON mails (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX mails_by_time ON mails (created_at);

-- What an operator is told by mail, and where: at '' the address that it logs in with.
ALTER TABLE operators ADD COLUMN notify_address text NOT NULL DEFAULT '';
ALTER TABLE operators ADD COLUMN notify_security boolean NOT NULL DEFAULT true;
ALTER TABLE operators ADD COLUMN notify_exceptions boolean NOT NULL DEFAULT true;
