-- +goose Up

-- Always empty. Rows are written to it and taken back, to find out whether there is room.
CREATE TABLE space_probe (filler blob NOT NULL);
