-- +goose Up

-- Where the checkout page leads back to.
ALTER TABLE payments ADD COLUMN return_url text NOT NULL DEFAULT '';
