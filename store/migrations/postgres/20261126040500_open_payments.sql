-- +goose NO TRANSACTION
-- +goose Up

-- The payments that have not ended, for those who look through them: few, however many have ended.
CREATE INDEX CONCURRENTLY IF NOT EXISTS payments_open ON payments (id) WHERE status IN ('PENDING', 'DETECTED', 'CONFIRMING');
