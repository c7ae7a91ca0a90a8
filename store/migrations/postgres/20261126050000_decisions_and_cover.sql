-- +goose Up

-- What operators decided about payments, written before the workflow is told. settled_at is null until the decision was
-- carried out or became impossible; the workflow is told again at due_at.
CREATE TABLE payment_decisions (
    payment_id      text COLLATE "C" NOT NULL REFERENCES payments (id),
    kind            text NOT NULL CHECK (kind IN ('REJECT', 'ACCEPT')),
    version         bigint NOT NULL,
    reason          text NOT NULL,
    actor           text NOT NULL,
    via             text NOT NULL,
    address         text NOT NULL,
    amount_credited bigint NOT NULL,
    created_at      timestamptz(3) NOT NULL,
    due_at          timestamptz(3) NOT NULL,
    settled_at      timestamptz(3),
    PRIMARY KEY (payment_id, kind, version)
);
CREATE INDEX payment_decisions_waiting ON payment_decisions (due_at, payment_id) WHERE settled_at IS NULL;

-- Decisions from before this table. The audit log and the timeline hold no more about who made them.
INSERT INTO payment_decisions (payment_id, kind, version, reason, actor, via, address, amount_credited, created_at, due_at, settled_at)
    SELECT id, decision, version, reason, 'operator:' || operator_id, 'before decisions were stored', '', 0, updated_at, updated_at, updated_at
    FROM payments WHERE decision <> '';

-- +goose StatementBegin
CREATE FUNCTION payment_decisions_stand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.settled_at IS NOT NULL OR (NEW.payment_id, NEW.kind, NEW.version, NEW.reason, NEW.actor, NEW.via, NEW.address,
        NEW.amount_credited, NEW.created_at) IS DISTINCT FROM (OLD.payment_id, OLD.kind, OLD.version, OLD.reason, OLD.actor,
        OLD.via, OLD.address, OLD.amount_credited, OLD.created_at) THEN
        RAISE EXCEPTION 'payment_decisions is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payment_decisions_stand BEFORE UPDATE ON payment_decisions
    FOR EACH ROW EXECUTE FUNCTION payment_decisions_stand();
CREATE TRIGGER payment_decisions_append_only BEFORE DELETE OR TRUNCATE ON payment_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A payment is PAID only if its ledger entries cover the amount, or if the operator accepted what they hold.
-- +goose StatementBegin
CREATE FUNCTION payments_paid_is_covered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    credited numeric;
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'a new payment cannot be PAID' USING ERRCODE = 'check_violation';
    END IF;
    SELECT coalesce(sum(e.amount), 0) INTO credited FROM ledger_transactions t
        JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'operator:' || OLD.operator_id || ':available'
        WHERE t.payment_id = OLD.id;
    IF credited < OLD.amount_requested AND NOT (credited > 0 AND EXISTS (
        SELECT 1 FROM payment_decisions d WHERE d.payment_id = OLD.id AND d.kind = 'ACCEPT')) THEN
        RAISE EXCEPTION 'the ledger does not cover this payment, and nobody accepted it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_paid_is_covered BEFORE UPDATE OF status ON payments
    FOR EACH ROW WHEN (NEW.status = 'PAID')
    EXECUTE FUNCTION payments_paid_is_covered();
CREATE TRIGGER payments_begin_unpaid BEFORE INSERT ON payments
    FOR EACH ROW WHEN (NEW.status = 'PAID') EXECUTE FUNCTION payments_paid_is_covered();

-- What was agreed with the payer never changes.
-- +goose StatementBegin
CREATE FUNCTION payments_terms_stand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the terms of a payment cannot change' USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments FOR EACH ROW WHEN (
    (NEW.id, NEW.operator_id, NEW.reference, NEW.network, NEW.currency, NEW.amount_requested, NEW.deposit_address,
        NEW.address_index, NEW.created_at, NEW.expires_at, NEW.confirmations) IS DISTINCT FROM
    (OLD.id, OLD.operator_id, OLD.reference, OLD.network, OLD.currency, OLD.amount_requested, OLD.deposit_address,
        OLD.address_index, OLD.created_at, OLD.expires_at, OLD.confirmations))
    EXECUTE FUNCTION payments_terms_stand();
CREATE TRIGGER payments_append_only BEFORE DELETE OR TRUNCATE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
