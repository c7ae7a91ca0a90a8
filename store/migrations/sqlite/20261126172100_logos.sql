-- +goose Up

-- The logo of an operator on the checkout page. Two operators can have the same one, and then the same version.
CREATE TABLE operator_logos (
    operator_id text NOT NULL PRIMARY KEY REFERENCES operators (id) ON DELETE CASCADE,
    version     text NOT NULL,
    content     blob NOT NULL,
    created_at  datetime NOT NULL
);
CREATE INDEX operator_logos_by_version ON operator_logos (version);
