-- +goose NO TRANSACTION
-- +goose Up

-- The audit log by what it is about.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_by_subject ON audit_log (subject, id);
