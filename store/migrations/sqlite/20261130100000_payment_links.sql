-- +goose Up

-- Addresses at which anybody who knows one can make a payment. Those that can be used are bounded for each operator; one
-- that has ended is dropped after a year. open_payments are its payments that have not ended, uses those that have ended
-- and received something.
CREATE TABLE payment_links (
    id              text NOT NULL PRIMARY KEY,
    operator_id     text NOT NULL REFERENCES operators (id),
    amount          bigint NOT NULL CHECK (amount > 0),
    description     text NOT NULL,
    user_id         text NOT NULL,
    return_url      text NOT NULL,
    metadata        text NOT NULL,
    expires_in      bigint NOT NULL,
    active_until    datetime,
    max_uses        bigint NOT NULL CHECK (max_uses >= 0),
    open_payments   bigint NOT NULL,
    uses            bigint NOT NULL,
    idempotency_key text,
    request_hash    blob NOT NULL,
    created_at      datetime NOT NULL,
    disabled_at     datetime,
    updated_at      datetime NOT NULL,
    mac             blob NOT NULL
);
CREATE UNIQUE INDEX payment_links_by_key ON payment_links (operator_id, idempotency_key);
CREATE INDEX payment_links_in_order ON payment_links (operator_id, created_at, id);
CREATE INDEX payment_links_usable ON payment_links (operator_id, active_until)
    WHERE disabled_at IS NULL AND (max_uses = 0 OR uses < max_uses);

-- The link through which a payment was made, a term. The old rows have none, so they are not read.
ALTER TABLE payments ADD COLUMN link_id text NOT NULL DEFAULT '';
DROP TRIGGER payments_terms_stand;
-- +goose StatementBegin
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments
    WHEN NEW.id IS NOT OLD.id OR NEW.operator_id IS NOT OLD.operator_id OR NEW.reference IS NOT OLD.reference
        OR NEW.network IS NOT OLD.network OR NEW.currency IS NOT OLD.currency
        OR NEW.amount_requested IS NOT OLD.amount_requested OR NEW.deposit_address IS NOT OLD.deposit_address
        OR NEW.address_index IS NOT OLD.address_index OR NEW.created_at IS NOT OLD.created_at
        OR NEW.expires_at IS NOT OLD.expires_at OR NEW.confirmations IS NOT OLD.confirmations
        OR NEW.return_url IS NOT OLD.return_url OR NEW.description IS NOT OLD.description
        OR NEW.metadata IS NOT OLD.metadata OR NEW.tolerance IS NOT OLD.tolerance OR NEW.link_id IS NOT OLD.link_id
BEGIN
    SELECT RAISE(ABORT, 'the terms of a payment cannot change');
END;
-- +goose StatementEnd

-- A payment that ends leaves the open ones of its link, and is a use of it if it received something, also if a reorg took
-- that away: the transfer may come again. A payment that goes on after its end goes back. Creating a payment counts it by
-- itself.
-- +goose StatementBegin
CREATE TRIGGER payments_count_link AFTER UPDATE OF status, amount_received, exception ON payments
    WHEN NEW.link_id <> '' AND (NEW.status IS NOT OLD.status OR NEW.exception IS NOT OLD.exception
        OR (NEW.amount_received > 0) IS NOT (OLD.amount_received > 0))
BEGIN
    UPDATE payment_links SET
        open_payments = open_payments + (NEW.status IN ('PENDING', 'DETECTED', 'CONFIRMING'))
            - (OLD.status IN ('PENDING', 'DETECTED', 'CONFIRMING')),
        uses = uses
            + (NEW.status = 'PAID' OR NEW.status NOT IN ('PENDING', 'DETECTED', 'CONFIRMING')
                AND (NEW.amount_received > 0 OR NEW.exception = 'REVERTED'))
            - (OLD.status = 'PAID' OR OLD.status NOT IN ('PENDING', 'DETECTED', 'CONFIRMING')
                AND (OLD.amount_received > 0 OR OLD.exception = 'REVERTED')),
        updated_at = NEW.updated_at
    WHERE id = NEW.link_id;
END;
-- +goose StatementEnd

-- Nobody enables a link again by writing back what its row was before.
-- +goose StatementBegin
CREATE TRIGGER payment_links_stay_disabled BEFORE UPDATE ON payment_links
    WHEN OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'a disabled payment link cannot be enabled again');
END;
-- +goose StatementEnd
