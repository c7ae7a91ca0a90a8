-- +goose Up

-- The newest block at which a quorum of nodes agreed on what the token's contracts say about themselves.
ALTER TABLE chain_cursors ADD COLUMN token_number bigint NOT NULL DEFAULT 0;
ALTER TABLE chain_cursors ADD COLUMN token_time datetime NOT NULL DEFAULT '1970-01-01 00:00:00+00:00';

-- The contracts that the token was upgraded to, in order. They are watched together with the one that the database is
-- bound to. followed_at is the time of the block at which that began.
CREATE TABLE watched_tokens (
    network     text NOT NULL,
    address     text NOT NULL,
    position    bigint NOT NULL,
    followed_at datetime NOT NULL,
    created_at  datetime NOT NULL,
    PRIMARY KEY (network, address),
    UNIQUE (network, position)
);
