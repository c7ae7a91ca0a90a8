-- +goose Up

-- The logo of an operator on the checkout page. Two operators can have the same one, and then the same version.
CREATE TABLE operator_logos (
    operator_id text COLLATE "C" PRIMARY KEY REFERENCES operators (id) ON DELETE CASCADE,
    version     text COLLATE "C" NOT NULL,
    content     bytea NOT NULL,
    created_at  timestamptz(3) NOT NULL
);
CREATE INDEX operator_logos_by_version ON operator_logos (version);
