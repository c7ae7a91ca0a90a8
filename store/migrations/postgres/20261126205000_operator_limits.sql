-- +goose Up

-- What one operator may create, where that is not the installation's setting.
ALTER TABLE operators ADD COLUMN min_amount bigint CHECK (min_amount > 0);
ALTER TABLE operators ADD COLUMN max_amount bigint CHECK (max_amount > 0);
ALTER TABLE operators ADD COLUMN max_open bigint CHECK (max_open >= 0);
ALTER TABLE operators ADD COLUMN max_unpaid bigint CHECK (max_unpaid >= 0);
