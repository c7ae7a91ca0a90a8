-- +goose Up

-- Where operators want to be told of events.
CREATE TABLE webhook_endpoints (
    id                text COLLATE "C" PRIMARY KEY,
    operator_id       text COLLATE "C" NOT NULL,
    url               text NOT NULL,
    event_types       text NOT NULL,
    description       text NOT NULL DEFAULT '',
    enabled           boolean NOT NULL DEFAULT true,
    disabled_reason   text NOT NULL DEFAULT '',
    secret_sealed     bytea NOT NULL,
    old_secret_sealed bytea NOT NULL DEFAULT '',
    old_secret_until  timestamptz(3),
    failing_since     timestamptz(3),
    mac               bytea NOT NULL,
    created_at        timestamptz(3) NOT NULL,
    updated_at        timestamptz(3) NOT NULL
);
CREATE INDEX webhook_endpoints_of_operator ON webhook_endpoints (operator_id, created_at, id);
