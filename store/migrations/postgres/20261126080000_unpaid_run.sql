-- +goose Up

-- An operator's latest payment that received money: how many came after it is bounded.
CREATE INDEX payments_funded_by_operator ON payments (operator_id, created_at) WHERE amount_received > 0;
