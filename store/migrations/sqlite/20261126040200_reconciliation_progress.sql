-- +goose Up

-- How far the reconciliations of a network have come, so that a run compares what changed since the last one and a part
-- of everything.
CREATE TABLE reconciliation_progress (
    network       text NOT NULL PRIMARY KEY,
    changed_at    datetime NOT NULL,
    entry_id      bigint NOT NULL,
    next_entry_id bigint NOT NULL,
    payment       text NOT NULL,
    entry         bigint NOT NULL,
    address       text NOT NULL,
    operator      text NOT NULL,
    operators_at  datetime NOT NULL,
    ended         bigint NOT NULL,
    must_pass     boolean NOT NULL,
    updated_at    datetime NOT NULL
);

-- The differences that are open: what a run found and no later run found gone. At most 1,000 are kept for a network.
CREATE TABLE reconciliation_findings (
    network    text NOT NULL,
    check_name text NOT NULL,
    subject    text NOT NULL,
    detail     text NOT NULL,
    found_at   datetime NOT NULL,
    PRIMARY KEY (network, check_name, subject)
);
