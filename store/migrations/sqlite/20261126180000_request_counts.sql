-- +goose Up

-- How many requests of a key or a network were counted in a window, which begins with the first of them. All processes
-- count here.
CREATE TABLE request_counts (
    subject  text NOT NULL PRIMARY KEY,
    used     bigint NOT NULL,
    begun_at datetime NOT NULL
);
CREATE INDEX request_counts_by_time ON request_counts (begun_at);
