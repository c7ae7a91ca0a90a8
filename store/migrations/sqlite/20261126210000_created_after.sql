-- +goose Up


-- The newest block that was read when a payment was created, and how often the cursor had gone back by then. A transfer up
-- to that block never pays the payment. 0 for a payment from before, or from before the first block.
ALTER TABLE payments ADD COLUMN created_after bigint NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN created_rewinds bigint NOT NULL DEFAULT 0;

-- How often the cursor went back.
ALTER TABLE chain_cursors ADD COLUMN rewinds bigint NOT NULL DEFAULT 0;

-- Where the cursor went back to, each time. One that a later one went below is dropped, so both numbers grow from row to row.
CREATE TABLE rewinds (
    network      text NOT NULL,
    number       bigint NOT NULL,
    block_number bigint NOT NULL,
    PRIMARY KEY (network, number)
);
