-- +goose Up

-- When the owner of an operator's e-mail address was known to be the one who uses the account: whoever follows the link that
-- approval makes. Whoever applied before chose a password for an address that nobody had checked; it no longer counts.
ALTER TABLE operators ADD COLUMN email_verified_at timestamptz(3);
UPDATE operators SET email_verified_at = created_at WHERE status IN ('ACTIVE', 'SUSPENDED');
UPDATE operators SET password_hash = '' WHERE email_verified_at IS NULL;
DELETE FROM sessions WHERE role = 'operator' AND account_id IN (SELECT id FROM operators WHERE email_verified_at IS NULL);
CREATE INDEX operators_unverified ON operators (created_at) WHERE email_verified_at IS NULL;
