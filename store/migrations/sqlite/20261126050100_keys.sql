-- +goose Up

-- Proofs, made with a key derived from the master key, that this program wrote these rows. An empty one proves nothing:
-- the first start after this migration adds the proofs of the rows that there are.
ALTER TABLE payments ADD COLUMN mac blob NOT NULL DEFAULT x'';
ALTER TABLE payment_decisions ADD COLUMN mac blob NOT NULL DEFAULT x'';
ALTER TABLE credentials ADD COLUMN secret_mac blob NOT NULL DEFAULT x'';
ALTER TABLE sessions ADD COLUMN mac blob NOT NULL DEFAULT x'';
-- What the last statement of a batch finds.
CREATE INDEX payments_without_mac ON payments (id) WHERE length(mac) = 0;

-- Which master key the database belongs to, and whether every row has its proof.
CREATE TABLE master_keys (
    name       text NOT NULL PRIMARY KEY,
    value      text NOT NULL,
    mac        blob NOT NULL,
    updated_at datetime NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER master_keys_no_delete BEFORE DELETE ON master_keys
BEGIN
    SELECT RAISE(ABORT, 'master_keys rows are never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER master_keys_no_return BEFORE UPDATE ON master_keys
    WHEN NEW.name IS NOT OLD.name OR (OLD.value = 'done' AND NEW.value IS NOT 'done')
BEGIN
    SELECT RAISE(ABORT, 'what is done stays done');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER master_keys_no_replace BEFORE INSERT ON master_keys
    WHEN EXISTS (SELECT 1 FROM master_keys WHERE name = NEW.name)
BEGIN
    SELECT RAISE(ABORT, 'master_keys already has this row');
END;
-- +goose StatementEnd
