-- +goose Up

-- A payment with many transfers is crowded: its workflow is signalled the sums of its transfers, when they are news. This
-- says when to look whether they are, and what was signalled last.
CREATE TABLE crowds (
    payment_id text NOT NULL PRIMARY KEY REFERENCES payments (id),
    due_at     bigint,
    told       text NOT NULL,
    tellings   bigint NOT NULL
);
CREATE INDEX crowds_due ON crowds (due_at) WHERE due_at IS NOT NULL;

-- The pages in which the transfers of a crowded payment are booked.
CREATE INDEX transfers_to_credit ON transfers (payment_id, amount DESC, block_number, tx_hash, ordinal)
    WHERE canonical AND credited_amount = 0;
CREATE INDEX transfers_to_reverse ON transfers (payment_id)
    WHERE credited_amount <> 0 AND (NOT canonical OR credited_amount <> amount);
