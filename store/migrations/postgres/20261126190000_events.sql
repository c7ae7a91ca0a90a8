-- +goose Up

-- What shops are told of their payments. Rows are never edited, and dropped only when they are older than 30 days.
CREATE TABLE events (
    id          text COLLATE "C" PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    payment_id  text COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    type        text COLLATE "C" NOT NULL,
    schema      bigint NOT NULL,
    data        text NOT NULL,
    created_at  timestamptz(3) NOT NULL,
    sequence    bigint NOT NULL
);
CREATE UNIQUE INDEX events_in_order ON events (operator_id, created_at, sequence);
CREATE INDEX events_by_type ON events (operator_id, type, created_at, sequence);
CREATE INDEX events_of_payment ON events (operator_id, payment_id, created_at, sequence);
CREATE INDEX events_by_age ON events (created_at);

CREATE TRIGGER events_append_only BEFORE UPDATE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- +goose StatementBegin
CREATE FUNCTION refuse_young_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.created_at > now() - interval '30 days' THEN
        RAISE EXCEPTION 'events is append-only for 30 days' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_keep_30_days BEFORE DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_young_event();

-- The newest sequence and time of each operator's events.
CREATE TABLE event_counters (
    operator_id text COLLATE "C" PRIMARY KEY,
    sequence    bigint NOT NULL,
    at          timestamptz(3) NOT NULL
) WITH (fillfactor = 50);
