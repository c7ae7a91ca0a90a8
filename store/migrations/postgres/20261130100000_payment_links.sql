-- +goose Up
SET LOCAL lock_timeout = '10s';

-- Addresses at which anybody who knows one can make a payment. Those that can be used are bounded for each operator; one
-- that has ended is dropped after a year. open_payments are its payments that have not ended, uses those that have ended
-- and received something.
CREATE TABLE payment_links (
    id              text COLLATE "C" PRIMARY KEY,
    operator_id     text COLLATE "C" NOT NULL REFERENCES operators (id),
    amount          bigint NOT NULL CHECK (amount > 0),
    description     text NOT NULL,
    user_id         text COLLATE "C" NOT NULL,
    return_url      text NOT NULL,
    metadata        text NOT NULL,
    expires_in      bigint NOT NULL,
    active_until    timestamptz(3),
    max_uses        bigint NOT NULL CHECK (max_uses >= 0),
    open_payments   bigint NOT NULL,
    uses            bigint NOT NULL,
    idempotency_key text COLLATE "C",
    request_hash    bytea NOT NULL,
    created_at      timestamptz(3) NOT NULL,
    disabled_at     timestamptz(3),
    updated_at      timestamptz(3) NOT NULL,
    mac             bytea NOT NULL
);
CREATE UNIQUE INDEX payment_links_by_key ON payment_links (operator_id, idempotency_key);
CREATE INDEX payment_links_in_order ON payment_links (operator_id, created_at, id);
CREATE INDEX payment_links_usable ON payment_links (operator_id, active_until)
    WHERE disabled_at IS NULL AND (max_uses = 0 OR uses < max_uses);

-- The link through which a payment was made, a term. The old rows have none, so they are not read.
ALTER TABLE payments ADD COLUMN link_id text COLLATE "C" NOT NULL DEFAULT '';
DROP TRIGGER payments_terms_stand ON payments;
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments FOR EACH ROW WHEN (
    (NEW.id, NEW.operator_id, NEW.reference, NEW.network, NEW.currency, NEW.amount_requested, NEW.deposit_address,
        NEW.address_index, NEW.created_at, NEW.expires_at, NEW.confirmations, NEW.return_url, NEW.description,
        NEW.metadata, NEW.tolerance, NEW.link_id) IS DISTINCT FROM
    (OLD.id, OLD.operator_id, OLD.reference, OLD.network, OLD.currency, OLD.amount_requested, OLD.deposit_address,
        OLD.address_index, OLD.created_at, OLD.expires_at, OLD.confirmations, OLD.return_url, OLD.description,
        OLD.metadata, OLD.tolerance, OLD.link_id))
    EXECUTE FUNCTION payments_terms_stand();

-- A payment that ends leaves the open ones of its link, and is a use of it if it received something, also if a reorg took
-- that away: the transfer may come again. A payment that goes on after its end goes back. Creating a payment counts it by
-- itself.
-- +goose StatementBegin
CREATE FUNCTION count_link_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was_open bigint := (OLD.status IN ('PENDING', 'DETECTED', 'CONFIRMING'))::int;
    is_open bigint := (NEW.status IN ('PENDING', 'DETECTED', 'CONFIRMING'))::int;
    was_used bigint := (was_open = 0
        AND (OLD.status = 'PAID' OR OLD.amount_received > 0 OR OLD.exception = 'REVERTED'))::int;
    is_used bigint := (is_open = 0
        AND (NEW.status = 'PAID' OR NEW.amount_received > 0 OR NEW.exception = 'REVERTED'))::int;
BEGIN
    IF was_open <> is_open OR was_used <> is_used THEN
        UPDATE payment_links SET open_payments = open_payments + is_open - was_open, uses = uses + is_used - was_used,
            updated_at = NEW.updated_at WHERE id = NEW.link_id;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_count_link AFTER UPDATE OF status, amount_received, exception ON payments
    FOR EACH ROW WHEN (NEW.link_id <> '') EXECUTE FUNCTION count_link_payment();

-- Nobody enables a link again by writing back what its row was before.
-- +goose StatementBegin
CREATE FUNCTION payment_links_stay_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a disabled payment link cannot be enabled again';
END $$;
-- +goose StatementEnd
CREATE TRIGGER payment_links_stay_disabled BEFORE UPDATE ON payment_links FOR EACH ROW
    WHEN (OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL) EXECUTE FUNCTION payment_links_stay_disabled();
