-- +goose Up

-- Old rows are dropped in batches. The audit log gives up only lines that are older than a year, whoever asks.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX audit_log_by_age ON audit_log (at);
CREATE INDEX alarms_by_end ON alarms (resolved_at) WHERE resolved_at IS NOT NULL;

DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- +goose StatementBegin
CREATE FUNCTION refuse_young() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at > now() - interval '365 days' THEN
        RAISE EXCEPTION '% is append-only for a year', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_keeps_a_year BEFORE DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_young();
