-- +goose Up

-- How many requests of a key or a network were counted in a window, which begins with the first of them. All processes
-- count here. It may be lost in a crash, so it is not written to the log.
CREATE UNLOGGED TABLE request_counts (
    subject  text COLLATE "C" PRIMARY KEY,
    used     bigint NOT NULL,
    begun_at timestamptz(3) NOT NULL
);
CREATE INDEX request_counts_by_time ON request_counts (begun_at);
