-- +goose Up

-- What changed since the last reconciliation.
CREATE INDEX payments_by_change ON payments (updated_at, id);
CREATE INDEX transfers_by_change ON transfers (updated_at, payment_id);
