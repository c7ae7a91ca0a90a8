-- +goose Up
-- A payment that is PAID stays so while its ledger entries cover the amount.
-- +goose StatementBegin
CREATE FUNCTION payments_paid_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
        JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'operator:' || OLD.operator_id || ':available'
        WHERE t.payment_id = OLD.id) >= OLD.amount_requested THEN
        RAISE EXCEPTION 'the ledger covers this payment, so it stays PAID' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_paid_stays BEFORE UPDATE OF status ON payments
    FOR EACH ROW WHEN (OLD.status = 'PAID' AND NEW.status <> 'PAID')
    EXECUTE FUNCTION payments_paid_stays();
