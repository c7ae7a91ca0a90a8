-- +goose Up

-- The entries of metadata by key alone, in the order in which a search reads them.
CREATE INDEX payment_metadata_keys ON payment_metadata (operator_id, name, created_at, payment_id);
