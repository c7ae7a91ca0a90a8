-- +goose Up

-- The payments whose expiry waits until the chain has been read past their window, by the end of that window. The
-- follower wakes them in batches, so that they need not ask again and again.
CREATE TABLE expiry_waits (
    payment_id text COLLATE "C" PRIMARY KEY REFERENCES payments (id),
    network    text COLLATE "C" NOT NULL,
    due_at     timestamptz(3) NOT NULL,
    note       bigint NOT NULL
);
CREATE INDEX expiry_waits_due ON expiry_waits (network, due_at, payment_id);
