-- +goose Up

-- The delivery of an event to an endpoint. The endpoint may be gone; the log of its deliveries stays.
CREATE TABLE webhook_deliveries (
    id              text NOT NULL PRIMARY KEY,
    endpoint_id     text NOT NULL,
    operator_id     text NOT NULL,
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    status          text NOT NULL,
    round           bigint NOT NULL,
    tries           bigint NOT NULL,
    round_at        datetime NOT NULL,
    next_attempt_at datetime,
    start_after     datetime,
    parked_reason   text NOT NULL,
    mac             blob NOT NULL,
    created_at      datetime NOT NULL,
    updated_at      datetime NOT NULL
);
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (operator_id, created_at, id);
CREATE INDEX webhook_deliveries_by_type ON webhook_deliveries (operator_id, event_type, created_at, id);
CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (endpoint_id, created_at, id, status);
-- Most deliveries succeed, so a list of the others would read many rows without these.
CREATE INDEX webhook_deliveries_undelivered ON webhook_deliveries (operator_id, status, created_at, id)
    WHERE status <> 'DELIVERED';
CREATE INDEX webhook_deliveries_undelivered_of_endpoint ON webhook_deliveries (endpoint_id, status, created_at, id)
    WHERE status <> 'DELIVERED';
CREATE INDEX webhook_deliveries_outbox ON webhook_deliveries (operator_id, start_after) WHERE start_after IS NOT NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE status = 'PENDING';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at) WHERE status <> 'PENDING';

CREATE TABLE webhook_attempts (
    delivery_id text NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    round       bigint NOT NULL,
    try         bigint NOT NULL,
    at          datetime NOT NULL,
    status      bigint NOT NULL,
    duration_ms bigint NOT NULL,
    error       text NOT NULL,
    answer      text NOT NULL,
    PRIMARY KEY (delivery_id, round, try)
);
