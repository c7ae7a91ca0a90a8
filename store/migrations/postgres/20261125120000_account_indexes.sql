-- +goose Up

-- What one person did, or who did one thing.
CREATE INDEX audit_log_by_actor ON audit_log (actor, id);
CREATE INDEX audit_log_by_action ON audit_log (action, id);
-- An operator's credits of some days, for the dashboard.
CREATE INDEX ledger_entries_by_time ON ledger_entries (account, created_at) INCLUDE (amount);
-- Everybody's payments in one status or with an exception, for admins.
CREATE INDEX payments_by_status_and_time ON payments (status, created_at DESC, id DESC);
CREATE INDEX payments_by_exception_and_time ON payments (exception, created_at DESC, id DESC) WHERE exception <> '';
