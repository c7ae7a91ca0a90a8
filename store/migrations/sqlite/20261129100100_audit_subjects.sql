-- +goose Up

-- The audit log by what it is about.
CREATE INDEX audit_log_by_subject ON audit_log (subject, id);
