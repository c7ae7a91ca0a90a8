-- +goose Up

-- By how much less may arrive for a payment: the operator's setting, with a proof, and what it came to for the payment.
ALTER TABLE operators ADD COLUMN tolerance_amount bigint NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN tolerance_basis_points bigint NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN tolerance_mac blob NOT NULL DEFAULT x'';
ALTER TABLE payments ADD COLUMN tolerance bigint NOT NULL DEFAULT 0 CHECK (tolerance >= 0 AND tolerance < amount_requested);

-- There is one more exception. SQLite cannot change a constraint, but its documentation allows to edit a CHECK in the
-- schema: https://www.sqlite.org/lang_altertable.html#otheralter
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''AFTER_REJECT'')', '''AFTER_REJECT'', ''UNDERPAID_ACCEPTED'')')
    WHERE type = 'table' AND name = 'payments';
PRAGMA writable_schema = RESET;
-- If nothing was replaced, this fails, and nothing else is done.
CREATE TABLE edited (is_there integer CHECK (is_there = 1));
INSERT INTO edited SELECT count(*) FROM sqlite_schema
    WHERE type = 'table' AND name = 'payments' AND sql LIKE '%''UNDERPAID\_ACCEPTED''%' ESCAPE '\';
DROP TABLE edited;

-- A payment is PAID only if its ledger entries cover the amount less the tolerance, or if the operator accepted what
-- they hold.
DROP TRIGGER payments_paid_is_covered;
-- +goose StatementBegin
CREATE TRIGGER payments_paid_is_covered BEFORE UPDATE OF status ON payments
    WHEN NEW.status = 'PAID' AND NOT EXISTS (
        SELECT 1 FROM (SELECT coalesce(sum(e.amount), 0) AS credited FROM ledger_transactions t
            CROSS JOIN ledger_entries e ON e.transaction_id = t.id AND e.account || '' = 'operator:' || OLD.operator_id || ':available'
            WHERE t.payment_id = OLD.id)
        WHERE credited >= OLD.amount_requested - OLD.tolerance OR (credited > 0 AND EXISTS (
            SELECT 1 FROM payment_decisions d WHERE d.payment_id = OLD.id AND d.kind = 'ACCEPT')))
BEGIN
    SELECT RAISE(ABORT, 'the ledger does not cover this payment, and nobody accepted it');
END;
-- +goose StatementEnd

-- A payment that is PAID stays so while its ledger entries cover that, without what was mined before its creation.
DROP TRIGGER payments_paid_stays;
-- +goose StatementBegin
CREATE TRIGGER payments_paid_stays BEFORE UPDATE OF status ON payments
    WHEN OLD.status = 'PAID' AND NEW.status <> 'PAID' AND (
        SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
            CROSS JOIN ledger_entries e ON e.transaction_id = t.id AND e.account || '' = 'operator:' || OLD.operator_id || ':available'
            WHERE t.payment_id = OLD.id) - (
        SELECT coalesce(sum(f.credited_amount), 0) FROM transfers f
            WHERE f.payment_id = OLD.id AND f.block_number <= OLD.created_after
        ) >= OLD.amount_requested - OLD.tolerance
BEGIN
    SELECT RAISE(ABORT, 'the ledger covers this payment, so it stays PAID');
END;
-- +goose StatementEnd

-- The tolerance is a term.
DROP TRIGGER payments_terms_stand;
-- +goose StatementBegin
CREATE TRIGGER payments_terms_stand BEFORE UPDATE ON payments
    WHEN NEW.id IS NOT OLD.id OR NEW.operator_id IS NOT OLD.operator_id OR NEW.reference IS NOT OLD.reference
        OR NEW.network IS NOT OLD.network OR NEW.currency IS NOT OLD.currency
        OR NEW.amount_requested IS NOT OLD.amount_requested OR NEW.deposit_address IS NOT OLD.deposit_address
        OR NEW.address_index IS NOT OLD.address_index OR NEW.created_at IS NOT OLD.created_at
        OR NEW.expires_at IS NOT OLD.expires_at OR NEW.confirmations IS NOT OLD.confirmations
        OR NEW.return_url IS NOT OLD.return_url OR NEW.description IS NOT OLD.description
        OR NEW.metadata IS NOT OLD.metadata OR NEW.tolerance IS NOT OLD.tolerance
BEGIN
    SELECT RAISE(ABORT, 'the terms of a payment cannot change');
END;
-- +goose StatementEnd
