-- +goose NO TRANSACTION
-- +goose Up

-- What changed since the last reconciliation.
CREATE INDEX CONCURRENTLY IF NOT EXISTS payments_by_change ON payments (updated_at, id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS transfers_by_change ON transfers (updated_at, payment_id);
