-- +goose Up

-- Old rows are dropped in batches. The audit log gives up only lines that are older than a year, whoever asks.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX audit_log_by_age ON audit_log (at);
CREATE INDEX alarms_by_end ON alarms (resolved_at) WHERE resolved_at IS NOT NULL;

DROP TRIGGER audit_log_no_delete;
-- +goose StatementBegin
CREATE TRIGGER audit_log_keeps_a_year BEFORE DELETE ON audit_log
    WHEN OLD.at / 1000000 > CAST(strftime('%s', 'now') AS integer) - 365 * 86400
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only for a year');
END;
-- +goose StatementEnd
