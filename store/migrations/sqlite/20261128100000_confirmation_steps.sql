-- +goose Up

-- How many confirmations the payments of an amount and above need: a JSON array, with a proof.
ALTER TABLE operators ADD COLUMN confirmation_steps text NOT NULL DEFAULT '[]';
ALTER TABLE operators ADD COLUMN confirmation_steps_mac blob NOT NULL DEFAULT x'';

-- Without a proof there were never any steps, and the lower number of the installation would count.
-- +goose StatementBegin
CREATE TRIGGER operators_steps_stay_proved BEFORE UPDATE ON operators
    WHEN length(OLD.confirmation_steps_mac) > 0 AND length(NEW.confirmation_steps_mac) = 0
BEGIN
    SELECT RAISE(ABORT, 'the confirmation steps of an operator keep a proof');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE would make the row again without them.
-- +goose StatementBegin
CREATE TRIGGER operators_no_replace BEFORE INSERT ON operators
    WHEN EXISTS (SELECT 1 FROM operators WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'operators already has this row');
END;
-- +goose StatementEnd
