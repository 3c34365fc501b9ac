-- +goose Up
-- What people did, as a chain: each row holds the hash of the one before.
CREATE TABLE IM_AdminAudit (
    seq         bigint NOT NULL CONSTRAINT PK_IM_AdminAudit PRIMARY KEY,
    at          datetime2(6) NOT NULL,
    phase       varchar(16) NOT NULL,
    intent      bigint NOT NULL, -- the row whose outcome this is; 0 for an intent
    actor       nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    role        nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    address     nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    action      nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    target      nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    outcome     nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    correlation nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detail      nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    hash        char(64) NOT NULL -- SHA-256 of the hash before and of this row, in hexadecimal digits
);

-- Where a chain ends. Its row is the lock that writers take turns with.
CREATE TABLE IM_AuditHeads (
    chain varchar(16) NOT NULL CONSTRAINT PK_IM_AuditHeads PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  char(64) NOT NULL
);
INSERT INTO IM_AuditHeads (chain, seq, hash)
VALUES ('admin', 0, '0000000000000000000000000000000000000000000000000000000000000000');
