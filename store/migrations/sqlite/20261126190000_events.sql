-- +goose Up

-- What shops are told of their payments. Rows are never edited, and dropped only when they are older than 30 days.
CREATE TABLE events (
    id          text NOT NULL PRIMARY KEY,
    operator_id text NOT NULL,
    payment_id  text NOT NULL,
    version     bigint NOT NULL,
    type        text NOT NULL,
    schema      bigint NOT NULL,
    data        text NOT NULL,
    created_at  datetime NOT NULL,
    sequence    bigint NOT NULL
);
CREATE UNIQUE INDEX events_in_order ON events (operator_id, created_at, sequence);
CREATE INDEX events_by_type ON events (operator_id, type, created_at, sequence);
CREATE INDEX events_of_payment ON events (operator_id, payment_id, created_at, sequence);
CREATE INDEX events_by_age ON events (created_at);

-- +goose StatementBegin
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM events WHERE operator_id = NEW.operator_id AND created_at = NEW.created_at
        AND sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'events already has this row');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_keep_30_days BEFORE DELETE ON events
    WHEN OLD.created_at / 1000000 > CAST(strftime('%s', 'now') AS integer) - 30 * 86400
BEGIN
    SELECT RAISE(ABORT, 'events is append-only for 30 days');
END;
-- +goose StatementEnd

-- The newest sequence and time of each operator's events.
CREATE TABLE event_counters (
    operator_id text NOT NULL PRIMARY KEY,
    sequence    bigint NOT NULL,
    at          datetime NOT NULL
);
