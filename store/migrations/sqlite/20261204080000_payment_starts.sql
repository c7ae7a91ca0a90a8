-- +goose Up

-- The outbox of payments: a row for each payment whose workflow is not known to have started. start_after is until when
-- no process takes it. The table holds what waits, and no history: the row goes when the workflow has started.
CREATE TABLE payment_starts (
    payment_id  text PRIMARY KEY NOT NULL,
    start_after datetime NOT NULL
);
CREATE INDEX payment_starts_by_time ON payment_starts (start_after, payment_id);
INSERT INTO payment_starts (payment_id, start_after) SELECT id, created_at FROM payments WHERE workflow_started_at IS NULL;

-- +goose StatementBegin
CREATE TRIGGER payments_await_start AFTER INSERT ON payments WHEN NEW.workflow_started_at IS NULL
BEGIN
    INSERT INTO payment_starts (payment_id, start_after) VALUES (NEW.id, NEW.created_at);
END;
-- +goose StatementEnd

-- A release that does not know this table notes a start in the payment alone.
-- +goose StatementBegin
CREATE TRIGGER payments_started AFTER UPDATE OF workflow_started_at ON payments WHEN NEW.workflow_started_at IS NOT NULL
BEGIN
    DELETE FROM payment_starts WHERE payment_id = NEW.id;
END;
-- +goose StatementEnd

DROP INDEX payments_unstarted;
