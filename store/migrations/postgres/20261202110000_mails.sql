-- +goose Up
SET LOCAL lock_timeout = '10s';

-- What accounts are to be told by mail: written by the transaction that causes it, deleted by the one that puts it into
-- a mail. What is in no mail after three days is dropped.
CREATE TABLE notices (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    text    text NOT NULL,
    mac     bytea NOT NULL,
    at      timestamptz(3) NOT NULL
);
CREATE INDEX notices_by_account ON notices (account, kind, address, id);
CREATE INDEX notices_by_time ON notices (at);

-- Mails that are to be sent, and those of the last days. Sending is tried for three days; after a week the row is
-- dropped.
CREATE TABLE mails (
    id          text COLLATE "C" PRIMARY KEY,
    account     text COLLATE "C" NOT NULL,
    recipient   text COLLATE "C" NOT NULL,
    subject     text NOT NULL,
    text        text NOT NULL,
    tries       bigint NOT NULL,
    next_try_at timestamptz(3),
    sent_at     timestamptz(3),
    error       text NOT NULL,
    mac         bytea NOT NULL,
    created_at  timestamptz(3) NOT NULL
);
CREATE INDEX mails_to_try ON mails (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX mails_by_time ON mails (created_at);

-- What an operator is told by mail, and where: at '' the address that it logs in with.
ALTER TABLE operators
    ADD COLUMN notify_address text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN notify_security boolean NOT NULL DEFAULT true,
    ADD COLUMN notify_exceptions boolean NOT NULL DEFAULT true;
