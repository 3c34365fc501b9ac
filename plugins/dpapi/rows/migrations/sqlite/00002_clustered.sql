-- +goose Up

-- The rows themselves in the order of their names, as on SQL Server: a listing
-- reads the file from front to end. The blob comes last, because what follows a
-- large one is reached only through all of it.

CREATE TABLE IM_Secrets_clustered (
    name      TEXT    NOT NULL PRIMARY KEY,
    ref       TEXT,
    protector TEXT,
    key_id    TEXT,
    host_id   TEXT,
    host_name TEXT,
    version   INTEGER NOT NULL DEFAULT 0,
    created   TEXT,
    updated   TEXT,
    expires   TEXT,
    tags      TEXT,
    blob      BLOB    NOT NULL
) WITHOUT ROWID;

INSERT INTO IM_Secrets_clustered (name, ref, protector, key_id, host_id, host_name, version, created, updated, expires, tags, blob)
SELECT name, ref, protector, key_id, host_id, host_name, version, created, updated, expires, tags, blob FROM IM_Secrets;

DROP TABLE IM_Secrets;

ALTER TABLE IM_Secrets_clustered RENAME TO IM_Secrets;
