-- +goose Up

-- Proofs, made with a key derived from the master key, that this program wrote these rows. An empty one proves nothing:
-- the first start after this migration adds the proofs of the rows that there are.
ALTER TABLE payments ADD COLUMN mac bytea NOT NULL DEFAULT '';
ALTER TABLE payment_decisions ADD COLUMN mac bytea NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN secret_mac bytea NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN mac bytea NOT NULL DEFAULT '';
-- What the last statement of a batch finds.
CREATE INDEX payments_without_mac ON payments (id) WHERE length(mac) = 0;

-- Which master key the database belongs to, and whether every row has its proof.
CREATE TABLE master_keys (
    name       text COLLATE "C" NOT NULL PRIMARY KEY,
    value      text NOT NULL,
    mac        bytea NOT NULL,
    updated_at timestamptz(3) NOT NULL
);
CREATE TRIGGER master_keys_no_delete BEFORE DELETE OR TRUNCATE ON master_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- +goose StatementBegin
CREATE FUNCTION master_keys_no_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name <> OLD.name OR (OLD.value = 'done' AND NEW.value <> 'done') THEN
        RAISE EXCEPTION 'what is done stays done' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER master_keys_no_return BEFORE UPDATE ON master_keys
    FOR EACH ROW EXECUTE FUNCTION master_keys_no_return();
