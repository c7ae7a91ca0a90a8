-- +goose Up

-- What the payer reads about the purchase, and what the shop keeps with the payment for itself, as a JSON object.
ALTER TABLE payments ADD COLUMN description text NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN metadata text NOT NULL DEFAULT '{}';

-- The entries of metadata, in the order in which a search reads them.
CREATE TABLE payment_metadata (
    operator_id text NOT NULL,
    name        text NOT NULL,
    value       text NOT NULL,
    created_at  datetime NOT NULL,
    payment_id  text NOT NULL,
    PRIMARY KEY (operator_id, name, value, created_at, payment_id)
) WITHOUT ROWID;

-- They are terms too, and so is the return URL.
DROP TRIGGER payments_terms_stand;
-- +goose StatementBegin
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments
    WHEN NEW.id IS NOT OLD.id OR NEW.operator_id IS NOT OLD.operator_id OR NEW.reference IS NOT OLD.reference
        OR NEW.network IS NOT OLD.network OR NEW.currency IS NOT OLD.currency
        OR NEW.amount_requested IS NOT OLD.amount_requested OR NEW.deposit_address IS NOT OLD.deposit_address
        OR NEW.address_index IS NOT OLD.address_index OR NEW.created_at IS NOT OLD.created_at
        OR NEW.expires_at IS NOT OLD.expires_at OR NEW.confirmations IS NOT OLD.confirmations
        OR NEW.return_url IS NOT OLD.return_url OR NEW.description IS NOT OLD.description
        OR NEW.metadata IS NOT OLD.metadata
BEGIN
    SELECT RAISE(ABORT, 'the terms of a payment cannot change');
END;
-- +goose StatementEnd
