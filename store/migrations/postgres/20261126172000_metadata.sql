-- +goose Up
SET LOCAL lock_timeout = '10s';

-- What the payer reads about the purchase, and what the shop keeps with the payment for itself, as a JSON object.
ALTER TABLE payments ADD COLUMN description text NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN metadata text NOT NULL DEFAULT '{}';

-- The entries of metadata, in the order in which a search reads them.
CREATE TABLE payment_metadata (
    operator_id text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    value       text COLLATE "C" NOT NULL,
    created_at  timestamptz(3) NOT NULL,
    payment_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (operator_id, name, value, created_at, payment_id)
);

-- They are terms too, and so is the return URL.
DROP TRIGGER payments_terms_stand ON payments;
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments FOR EACH ROW WHEN (
    (NEW.id, NEW.operator_id, NEW.reference, NEW.network, NEW.currency, NEW.amount_requested, NEW.deposit_address,
        NEW.address_index, NEW.created_at, NEW.expires_at, NEW.confirmations, NEW.return_url, NEW.description,
        NEW.metadata) IS DISTINCT FROM
    (OLD.id, OLD.operator_id, OLD.reference, OLD.network, OLD.currency, OLD.amount_requested, OLD.deposit_address,
        OLD.address_index, OLD.created_at, OLD.expires_at, OLD.confirmations, OLD.return_url, OLD.description,
        OLD.metadata))
    EXECUTE FUNCTION payments_terms_stand();
