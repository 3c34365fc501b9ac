-- +goose Up
-- What people did, as a chain: each row holds the hash of the one before.
CREATE TABLE IM_AdminAudit (
    seq         INTEGER PRIMARY KEY,
    at          TEXT NOT NULL,
    phase       TEXT NOT NULL,
    intent      INTEGER NOT NULL, -- the row whose outcome this is; 0 for an intent
    actor       TEXT NOT NULL,
    role        TEXT NOT NULL,
    address     TEXT NOT NULL,
    action      TEXT NOT NULL,
    target      TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    correlation TEXT NOT NULL,
    detail      TEXT NOT NULL,
    hash        TEXT NOT NULL -- SHA-256 of the hash before and of this row, in hexadecimal digits
);

-- Where a chain ends. Its row is the lock that writers take turns with.
CREATE TABLE IM_AuditHeads (
    chain TEXT PRIMARY KEY,
    seq   INTEGER NOT NULL,
    hash  TEXT NOT NULL
);
INSERT INTO IM_AuditHeads (chain, seq, hash)
VALUES ('admin', 0, '0000000000000000000000000000000000000000000000000000000000000000');
