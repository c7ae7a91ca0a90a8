-- +goose Up

-- The people who log in to an operator's account beside its owner: at most 50 for each operator. An invitation that
-- nobody accepts is deleted after a day.
CREATE TABLE members (
    id              text COLLATE "C" PRIMARY KEY,
    operator_id     text COLLATE "C" NOT NULL REFERENCES operators (id),
    email           text COLLATE "C" NOT NULL UNIQUE,
    role            text COLLATE "C" NOT NULL CHECK (role IN ('developer', 'accountant')),
    password_hash   text NOT NULL,
    totp_sealed     bytea NOT NULL DEFAULT '',
    totp_pending    bytea NOT NULL DEFAULT '',
    totp_last_step  bigint NOT NULL DEFAULT 0,
    recovery_sealed bytea NOT NULL DEFAULT '',
    mac             bytea NOT NULL,
    created_at      timestamptz(3) NOT NULL,
    updated_at      timestamptz(3) NOT NULL
);
CREATE INDEX members_of_operator ON members (operator_id);
CREATE INDEX members_invited ON members (updated_at) WHERE password_hash = '';

ALTER TABLE sessions DROP CONSTRAINT sessions_role_check,
    ADD CONSTRAINT sessions_role_check CHECK (role IN ('operator', 'member', 'admin'));

-- The links made so far have no proof, so they end. Each lived for a day at most.
DELETE FROM password_links;
ALTER TABLE password_links ADD COLUMN mac bytea NOT NULL DEFAULT '', DROP CONSTRAINT password_links_role_check,
    ADD CONSTRAINT password_links_role_check CHECK (role IN ('operator', 'member', 'admin'));
