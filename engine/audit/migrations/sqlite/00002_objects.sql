-- +goose Up
-- What runs did to objects, as a chain for each connector. body is what a record
-- tells, as the bytes that were hashed: JSON, of changes one object a line.
CREATE TABLE IM_ObjectAudit (
    connector_id TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    at           TEXT    NOT NULL,
    run_id       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    hash         TEXT    NOT NULL, -- SHA-256 of the hash before and of this row, in hexadecimal digits
    PRIMARY KEY (connector_id, seq)
);

-- What was removed from the beginning of a chain, and by whose word. The newest of
-- a chain is where it begins now.
CREATE TABLE IM_AuditCheckpoints (
    chain     TEXT    NOT NULL,
    seq       INTEGER NOT NULL, -- the last record that was removed
    hash      TEXT    NOT NULL, -- and its hash
    at        TEXT    NOT NULL,
    signer    TEXT    NOT NULL, -- the public key, in hexadecimal digits
    signature TEXT    NOT NULL,
    PRIMARY KEY (chain, seq)
);

-- How far the records that a program keeps for the log, while it cannot be written,
-- are in the log.
CREATE TABLE IM_AuditSources (
    source TEXT    NOT NULL PRIMARY KEY,
    done   INTEGER NOT NULL
);

-- Searches show the newest first.
CREATE INDEX IX_IM_AdminAudit_At ON IM_AdminAudit (at);
CREATE INDEX IX_IM_AdminAudit_Actor ON IM_AdminAudit (actor, at);
CREATE INDEX IX_IM_AdminAudit_Action ON IM_AdminAudit (action, at);
CREATE INDEX IX_IM_AdminAudit_Outcome ON IM_AdminAudit (outcome, at);
CREATE INDEX IX_IM_AdminAudit_Target ON IM_AdminAudit (target, at);
