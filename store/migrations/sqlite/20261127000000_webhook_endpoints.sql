-- +goose Up

-- Where operators want to be told of events.
CREATE TABLE webhook_endpoints (
    id                text NOT NULL PRIMARY KEY,
    operator_id       text NOT NULL,
    url               text NOT NULL,
    event_types       text NOT NULL,
    description       text NOT NULL DEFAULT '',
    enabled           boolean NOT NULL DEFAULT true,
    disabled_reason   text NOT NULL DEFAULT '',
    secret_sealed     blob NOT NULL,
    old_secret_sealed blob NOT NULL DEFAULT x'',
    old_secret_until  datetime,
    failing_since     datetime,
    mac               blob NOT NULL,
    created_at        datetime NOT NULL,
    updated_at        datetime NOT NULL
);
CREATE INDEX webhook_endpoints_of_operator ON webhook_endpoints (operator_id, created_at, id);
