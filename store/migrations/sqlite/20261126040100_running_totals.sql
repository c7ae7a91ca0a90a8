-- +goose Up

-- Running totals, kept by triggers in the transaction of what they count, so that reading a balance or a figure does not
-- grow with history. Reconciliation compares them with what they count. SQLite has one writer, so there is one shard.

CREATE TABLE account_balances (
    account text NOT NULL,
    shard   bigint NOT NULL,
    balance bigint NOT NULL,
    PRIMARY KEY (account, shard)
);
INSERT INTO account_balances (account, shard, balance) SELECT account, 0, sum(amount) FROM ledger_entries GROUP BY account;

-- What was credited less what was reversed on a day (UTC). Rows of old days are dropped.
CREATE TABLE account_days (
    account text NOT NULL,
    day     text NOT NULL,
    shard   bigint NOT NULL,
    amount  bigint NOT NULL,
    PRIMARY KEY (account, day, shard)
);
CREATE INDEX account_days_by_age ON account_days (day);
INSERT INTO account_days (account, day, shard, amount)
SELECT account, strftime('%Y-%m-%d', created_at / 1000000, 'unixepoch') AS day, 0, sum(amount) FROM ledger_entries
WHERE account LIKE 'operator:%' AND created_at / 1000000 > CAST(strftime('%s', 'now') AS integer) - 400 * 86400 GROUP BY 1, 2;

CREATE TABLE payment_counts (
    operator_id text NOT NULL,
    network     text NOT NULL,
    status      text NOT NULL,
    shard       bigint NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (operator_id, network, status, shard)
);
INSERT INTO payment_counts (operator_id, network, status, shard, count)
SELECT operator_id, network, status, 0, count(*) FROM payments GROUP BY 1, 2, 3;

-- By the day (UTC) on which the payment was created. Rows of old days are dropped.
CREATE TABLE payment_days (
    operator_id text NOT NULL,
    day         text NOT NULL,
    status      text NOT NULL,
    shard       bigint NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (operator_id, day, status, shard)
);
CREATE INDEX payment_days_by_age ON payment_days (day);
INSERT INTO payment_days (operator_id, day, status, shard, count)
SELECT operator_id, strftime('%Y-%m-%d', created_at / 1000000, 'unixepoch') AS day, status, 0, count(*) FROM payments
WHERE created_at / 1000000 > CAST(strftime('%s', 'now') AS integer) - 400 * 86400 GROUP BY 1, 2, 3;

-- +goose StatementBegin
CREATE TRIGGER ledger_entries_add_up AFTER INSERT ON ledger_entries
BEGIN
    INSERT INTO account_balances (account, shard, balance) VALUES (NEW.account, 0, NEW.amount)
    ON CONFLICT (account, shard) DO UPDATE SET balance = balance + excluded.balance;
    INSERT INTO account_days (account, day, shard, amount)
    SELECT NEW.account, strftime('%Y-%m-%d', NEW.created_at / 1000000, 'unixepoch'), 0, NEW.amount WHERE NEW.account LIKE 'operator:%'
    ON CONFLICT (account, day, shard) DO UPDATE SET amount = amount + excluded.amount;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payments_count AFTER INSERT ON payments
BEGIN
    INSERT INTO payment_counts (operator_id, network, status, shard, count) VALUES (NEW.operator_id, NEW.network, NEW.status, 0, 1)
    ON CONFLICT (operator_id, network, status, shard) DO UPDATE SET count = count + excluded.count;
    INSERT INTO payment_days (operator_id, day, status, shard, count)
    VALUES (NEW.operator_id, strftime('%Y-%m-%d', NEW.created_at / 1000000, 'unixepoch'), NEW.status, 0, 1)
    ON CONFLICT (operator_id, day, status, shard) DO UPDATE SET count = count + excluded.count;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payments_count_again AFTER UPDATE OF status ON payments WHEN OLD.status <> NEW.status
BEGIN
    INSERT INTO payment_counts (operator_id, network, status, shard, count)
    VALUES (OLD.operator_id, OLD.network, OLD.status, 0, -1), (NEW.operator_id, NEW.network, NEW.status, 0, 1)
    ON CONFLICT (operator_id, network, status, shard) DO UPDATE SET count = count + excluded.count;
    INSERT INTO payment_days (operator_id, day, status, shard, count)
    VALUES (OLD.operator_id, strftime('%Y-%m-%d', OLD.created_at / 1000000, 'unixepoch'), OLD.status, 0, -1),
        (NEW.operator_id, strftime('%Y-%m-%d', NEW.created_at / 1000000, 'unixepoch'), NEW.status, 0, 1)
    ON CONFLICT (operator_id, day, status, shard) DO UPDATE SET count = count + excluded.count;
END;
-- +goose StatementEnd
