-- +goose Up

-- What operators decided about payments, written before the workflow is told. settled_at is null until the decision was
-- carried out or became impossible; the workflow is told again at due_at.
CREATE TABLE payment_decisions (
    payment_id      text NOT NULL REFERENCES payments (id),
    kind            text NOT NULL CHECK (kind IN ('REJECT', 'ACCEPT')),
    version         bigint NOT NULL,
    reason          text NOT NULL,
    actor           text NOT NULL,
    via             text NOT NULL,
    address         text NOT NULL,
    amount_credited bigint NOT NULL,
    created_at      datetime NOT NULL,
    due_at          datetime NOT NULL,
    settled_at      datetime,
    PRIMARY KEY (payment_id, kind, version)
);
CREATE INDEX payment_decisions_waiting ON payment_decisions (due_at, payment_id) WHERE settled_at IS NULL;

-- Decisions from before this table. The audit log and the timeline hold no more about who made them.
INSERT INTO payment_decisions (payment_id, kind, version, reason, actor, via, address, amount_credited, created_at, due_at, settled_at)
    SELECT id, decision, version, reason, 'operator:' || operator_id, 'before decisions were stored', '', 0, updated_at, updated_at, updated_at
    FROM payments WHERE decision <> '';

-- +goose StatementBegin
CREATE TRIGGER payment_decisions_no_replace BEFORE INSERT ON payment_decisions
    WHEN EXISTS (SELECT 1 FROM payment_decisions WHERE payment_id = NEW.payment_id AND kind = NEW.kind AND version = NEW.version)
BEGIN
    SELECT RAISE(IGNORE);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_decisions_no_update BEFORE UPDATE ON payment_decisions
    WHEN OLD.settled_at IS NOT NULL OR NEW.payment_id IS NOT OLD.payment_id OR NEW.kind IS NOT OLD.kind
        OR NEW.version IS NOT OLD.version OR NEW.reason IS NOT OLD.reason OR NEW.actor IS NOT OLD.actor
        OR NEW.via IS NOT OLD.via OR NEW.address IS NOT OLD.address
        OR NEW.amount_credited IS NOT OLD.amount_credited OR NEW.created_at IS NOT OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'payment_decisions is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_decisions_no_delete BEFORE DELETE ON payment_decisions
BEGIN
    SELECT RAISE(ABORT, 'payment_decisions is append-only');
END;
-- +goose StatementEnd

-- A payment is PAID only if its ledger entries cover the amount, or if the operator accepted what they hold.
-- +goose StatementBegin
CREATE TRIGGER payments_paid_is_covered BEFORE UPDATE OF status ON payments
    WHEN NEW.status = 'PAID' AND NOT EXISTS (
        SELECT 1 FROM (SELECT coalesce(sum(e.amount), 0) AS credited FROM ledger_transactions t
            CROSS JOIN ledger_entries e ON e.transaction_id = t.id AND e.account || '' = 'operator:' || OLD.operator_id || ':available'
            WHERE t.payment_id = OLD.id)
        WHERE credited >= OLD.amount_requested OR (credited > 0 AND EXISTS (
            SELECT 1 FROM payment_decisions d WHERE d.payment_id = OLD.id AND d.kind = 'ACCEPT')))
BEGIN
    SELECT RAISE(ABORT, 'the ledger does not cover this payment, and nobody accepted it');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payments_begin_unpaid BEFORE INSERT ON payments WHEN NEW.status = 'PAID'
BEGIN
    SELECT RAISE(ABORT, 'a new payment cannot be PAID');
END;
-- +goose StatementEnd

-- What was agreed with the payer never changes.
-- +goose StatementBegin
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments
    WHEN NEW.id IS NOT OLD.id OR NEW.operator_id IS NOT OLD.operator_id OR NEW.reference IS NOT OLD.reference
        OR NEW.network IS NOT OLD.network OR NEW.currency IS NOT OLD.currency
        OR NEW.amount_requested IS NOT OLD.amount_requested OR NEW.deposit_address IS NOT OLD.deposit_address
        OR NEW.address_index IS NOT OLD.address_index OR NEW.created_at IS NOT OLD.created_at
        OR NEW.expires_at IS NOT OLD.expires_at OR NEW.confirmations IS NOT OLD.confirmations
BEGIN
    SELECT RAISE(ABORT, 'the terms of a payment cannot change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payments_no_delete BEFORE DELETE ON payments
BEGIN
    SELECT RAISE(ABORT, 'payments are never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payments_no_replace BEFORE INSERT ON payments
    WHEN EXISTS (SELECT 1 FROM payments WHERE id = NEW.id OR reference = NEW.reference)
BEGIN
    SELECT RAISE(ABORT, 'payments already has this row');
END;
-- +goose StatementEnd
