-- +goose Up

-- One row per secret. Rows of the .NET product have the ref as their name and
-- only name and blob filled.

CREATE TABLE IM_Secrets (
    name      TEXT    NOT NULL PRIMARY KEY,
    ref       TEXT,
    blob      BLOB    NOT NULL,
    protector TEXT,
    key_id    TEXT,
    host_id   TEXT,
    host_name TEXT,
    version   INTEGER NOT NULL DEFAULT 0,
    created   TEXT,
    updated   TEXT,
    expires   TEXT,
    tags      TEXT
);
