-- +goose Up
SET LOCAL lock_timeout = '10s';

-- By how much less may arrive for a payment: the operator's setting, with a proof, and what it came to for the payment.
ALTER TABLE operators ADD COLUMN tolerance_amount bigint NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN tolerance_basis_points bigint NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN tolerance_mac bytea NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN tolerance bigint NOT NULL DEFAULT 0;
-- The old rows have 0, so they need not be read.
ALTER TABLE payments ADD CONSTRAINT payments_tolerance_check CHECK (tolerance >= 0 AND tolerance < amount_requested)
    NOT VALID;

-- There is one more exception. The old rows pass, so they are not read.
ALTER TABLE payments DROP CONSTRAINT payments_exception_check;
ALTER TABLE payments ADD CONSTRAINT payments_exception_check CHECK (exception IN ('', 'UNDERPAID', 'OVERPAID', 'PAID_LATE',
    'REVERTED', 'ACCEPTED', 'AFTER_REJECT', 'UNDERPAID_ACCEPTED')) NOT VALID;

-- A payment is PAID only if its ledger entries cover the amount less the tolerance, or if the operator accepted what
-- they hold.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION payments_paid_is_covered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    credited numeric;
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'a new payment cannot be PAID' USING ERRCODE = 'check_violation';
    END IF;
    SELECT coalesce(sum(e.amount), 0) INTO credited FROM ledger_transactions t
        JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'operator:' || OLD.operator_id || ':available'
        WHERE t.payment_id = OLD.id;
    IF credited < OLD.amount_requested - OLD.tolerance AND NOT (credited > 0 AND EXISTS (
        SELECT 1 FROM payment_decisions d WHERE d.payment_id = OLD.id AND d.kind = 'ACCEPT')) THEN
        RAISE EXCEPTION 'the ledger does not cover this payment, and nobody accepted it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- A payment that is PAID stays so while its ledger entries cover that, without what was mined before its creation.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION payments_paid_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
        JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'operator:' || OLD.operator_id || ':available'
        WHERE t.payment_id = OLD.id)
        - (SELECT coalesce(sum(f.credited_amount), 0) FROM transfers f
        WHERE f.payment_id = OLD.id AND f.block_number <= OLD.created_after) >= OLD.amount_requested - OLD.tolerance THEN
        RAISE EXCEPTION 'the ledger covers this payment, so it stays PAID' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- The tolerance is a term.
DROP TRIGGER payments_terms_stand ON payments;
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments FOR EACH ROW WHEN (
    (NEW.id, NEW.operator_id, NEW.reference, NEW.network, NEW.currency, NEW.amount_requested, NEW.deposit_address,
        NEW.address_index, NEW.created_at, NEW.expires_at, NEW.confirmations, NEW.return_url, NEW.description,
        NEW.metadata, NEW.tolerance) IS DISTINCT FROM
    (OLD.id, OLD.operator_id, OLD.reference, OLD.network, OLD.currency, OLD.amount_requested, OLD.deposit_address,
        OLD.address_index, OLD.created_at, OLD.expires_at, OLD.confirmations, OLD.return_url, OLD.description,
        OLD.metadata, OLD.tolerance))
    EXECUTE FUNCTION payments_terms_stand();
