-- +goose Up

-- How far the reconciliations of a network have come, so that a run compares what changed since the last one and a part
-- of everything.
CREATE TABLE reconciliation_progress (
    network       text COLLATE "C" NOT NULL PRIMARY KEY,
    changed_at    timestamptz(3) NOT NULL,
    entry_id      bigint NOT NULL,
    next_entry_id bigint NOT NULL,
    payment       text COLLATE "C" NOT NULL,
    entry         bigint NOT NULL,
    address       text COLLATE "C" NOT NULL,
    operator      text COLLATE "C" NOT NULL,
    operators_at  timestamptz(3) NOT NULL,
    ended         bigint NOT NULL,
    must_pass     boolean NOT NULL,
    updated_at    timestamptz(3) NOT NULL
);

-- The differences that are open: what a run found and no later run found gone. At most 1,000 are kept for a network.
CREATE TABLE reconciliation_findings (
    network    text COLLATE "C" NOT NULL,
    check_name text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    detail     text NOT NULL,
    found_at   timestamptz(3) NOT NULL,
    PRIMARY KEY (network, check_name, subject)
);
