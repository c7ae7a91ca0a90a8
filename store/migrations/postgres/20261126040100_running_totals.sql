-- +goose Up

-- Running totals, kept by triggers in the transaction of what they count, so that reading a balance or a figure does not
-- grow with history. Reconciliation compares them with what they count. A total is the sum of its shards: a session
-- always writes to one shard, so that sessions seldom wait for each other, and a transaction meets others in one order.
SET LOCAL lock_timeout = '10s';
LOCK TABLE ledger_entries, payments IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE account_balances (
    account text COLLATE "C" NOT NULL,
    shard   bigint NOT NULL,
    balance numeric NOT NULL,
    PRIMARY KEY (account, shard)
) WITH (fillfactor = 50);
INSERT INTO account_balances (account, shard, balance) SELECT account, 0, sum(amount) FROM ledger_entries GROUP BY account;

-- What was credited less what was reversed on a day (UTC). Rows of old days are dropped.
CREATE TABLE account_days (
    account text COLLATE "C" NOT NULL,
    day     text COLLATE "C" NOT NULL,
    shard   bigint NOT NULL,
    amount  numeric NOT NULL,
    PRIMARY KEY (account, day, shard)
) WITH (fillfactor = 50);
CREATE INDEX account_days_by_age ON account_days (day);
INSERT INTO account_days (account, day, shard, amount)
SELECT account, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 0, sum(amount) FROM ledger_entries
WHERE account LIKE 'operator:%' AND created_at > now() - interval '400 days' GROUP BY 1, 2;

CREATE TABLE payment_counts (
    operator_id text COLLATE "C" NOT NULL,
    network     text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    shard       bigint NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (operator_id, network, status, shard)
) WITH (fillfactor = 50);
INSERT INTO payment_counts (operator_id, network, status, shard, count)
SELECT operator_id, network, status, 0, count(*) FROM payments GROUP BY 1, 2, 3;

-- By the day (UTC) on which the payment was created. Rows of old days are dropped.
CREATE TABLE payment_days (
    operator_id text COLLATE "C" NOT NULL,
    day         text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    shard       bigint NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (operator_id, day, status, shard)
) WITH (fillfactor = 50);
CREATE INDEX payment_days_by_age ON payment_days (day);
INSERT INTO payment_days (operator_id, day, status, shard, count)
SELECT operator_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), status, 0, count(*) FROM payments
WHERE created_at > now() - interval '400 days' GROUP BY 1, 2, 3;

-- Many entries of one statement are added up first.
-- +goose StatementBegin
CREATE FUNCTION add_up_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account_balances (account, shard, balance)
    SELECT account, pg_backend_pid() % 16, sum(amount) FROM added GROUP BY account ORDER BY account
    ON CONFLICT (account, shard) DO UPDATE SET balance = account_balances.balance + excluded.balance;
    INSERT INTO account_days (account, day, shard, amount)
    SELECT account, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), pg_backend_pid() % 16, sum(amount) FROM added
    WHERE account LIKE 'operator:%' GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (account, day, shard) DO UPDATE SET amount = account_days.amount + excluded.amount;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_entries_add_up AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_entries();

-- +goose StatementBegin
CREATE FUNCTION add_up_payment(p payments, change bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_counts (operator_id, network, status, shard, count)
    VALUES (p.operator_id, p.network, p.status, pg_backend_pid() % 16, change)
    ON CONFLICT (operator_id, network, status, shard) DO UPDATE SET count = payment_counts.count + excluded.count;
    INSERT INTO payment_days (operator_id, day, status, shard, count)
    VALUES (p.operator_id, to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), p.status, pg_backend_pid() % 16, change)
    ON CONFLICT (operator_id, day, status, shard) DO UPDATE SET count = payment_days.count + excluded.count;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION count_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_up_payment(NEW, 1);
    ELSIF OLD.status < NEW.status THEN -- always in this order, so that no two transactions wait for each other
        PERFORM add_up_payment(OLD, -1);
        PERFORM add_up_payment(NEW, 1);
    ELSE
        PERFORM add_up_payment(NEW, 1);
        PERFORM add_up_payment(OLD, -1);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_count AFTER INSERT ON payments
    FOR EACH ROW EXECUTE FUNCTION count_payment();
CREATE TRIGGER payments_count_again AFTER UPDATE OF status ON payments
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION count_payment();
