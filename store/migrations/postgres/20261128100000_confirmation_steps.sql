-- +goose Up
SET LOCAL lock_timeout = '10s';

-- How many confirmations the payments of an amount and above need: a JSON array, with a proof.
ALTER TABLE operators ADD COLUMN confirmation_steps text NOT NULL DEFAULT '[]';
ALTER TABLE operators ADD COLUMN confirmation_steps_mac bytea NOT NULL DEFAULT '';

-- Without a proof there were never any steps, and the lower number of the installation would count.
-- +goose StatementBegin
CREATE FUNCTION operators_steps_stay_proved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the confirmation steps of an operator keep a proof' USING ERRCODE = 'check_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER operators_steps_stay_proved BEFORE UPDATE ON operators FOR EACH ROW
    WHEN (length(OLD.confirmation_steps_mac) > 0 AND length(NEW.confirmation_steps_mac) = 0)
    EXECUTE FUNCTION operators_steps_stay_proved();
