-- +goose Up

SET LOCAL lock_timeout = '10s';
LOCK TABLE payments IN SHARE ROW EXCLUSIVE MODE;

-- The outbox of payments: a row for each payment whose workflow is not known to have started. start_after is until when
-- no process takes it. The table holds what waits, and no history: the row goes when the workflow has started.
CREATE TABLE payment_starts (
    payment_id  text COLLATE "C" PRIMARY KEY,
    start_after timestamptz(3) NOT NULL
);
CREATE INDEX payment_starts_by_time ON payment_starts (start_after, payment_id);
INSERT INTO payment_starts (payment_id, start_after) SELECT id, created_at FROM payments WHERE workflow_started_at IS NULL;

-- +goose StatementBegin
CREATE FUNCTION payments_await_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_starts (payment_id, start_after) VALUES (NEW.id, NEW.created_at);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_await_start AFTER INSERT ON payments
    FOR EACH ROW WHEN (NEW.workflow_started_at IS NULL) EXECUTE FUNCTION payments_await_start();

-- A release that does not know this table notes a start in the payment alone.
-- +goose StatementBegin
CREATE FUNCTION payments_started() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM payment_starts WHERE payment_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_started AFTER UPDATE OF workflow_started_at ON payments
    FOR EACH ROW WHEN (NEW.workflow_started_at IS NOT NULL) EXECUTE FUNCTION payments_started();

-- workflow_started_at is in no index now, so Postgres notes it without touching one, if the row's page has room.
DROP INDEX payments_unstarted;
ALTER TABLE payments SET (fillfactor = 90);
