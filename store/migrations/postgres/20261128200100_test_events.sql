-- +goose NO TRANSACTION
-- +goose Up

-- The events of test payments are dropped sooner than the others.
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_of_tests ON events (created_at) WHERE operator_id LIKE '%:test';
