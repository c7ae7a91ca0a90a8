-- +goose Up
-- A payment that is PAID stays so while its ledger entries cover the amount.
-- +goose StatementBegin
CREATE TRIGGER payments_paid_stays BEFORE UPDATE OF status ON payments
    WHEN OLD.status = 'PAID' AND NEW.status <> 'PAID' AND (
        SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
            CROSS JOIN ledger_entries e ON e.transaction_id = t.id AND e.account || '' = 'operator:' || OLD.operator_id || ':available'
            WHERE t.payment_id = OLD.id) >= OLD.amount_requested
BEGIN
    SELECT RAISE(ABORT, 'the ledger covers this payment, so it stays PAID');
END;
-- +goose StatementEnd
