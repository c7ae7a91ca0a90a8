-- +goose Up

-- Whether a quorum of nodes has ever said what the token's contracts are. Until then the block of the token's state is the
-- first one that was read, so nothing expires.
ALTER TABLE chain_cursors ADD COLUMN token_known boolean NOT NULL DEFAULT FALSE;
