-- +goose Up
-- What runs did to objects, as a chain for each connector. body is what a record
-- tells, as the bytes that were hashed: JSON, of changes one object a line.
CREATE TABLE IM_ObjectAudit (
    connector_id nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    seq          bigint NOT NULL,
    at           datetime2(6) NOT NULL,
    run_id       nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    kind         varchar(16) NOT NULL,
    body         varbinary(max) NOT NULL,
    hash         char(64) NOT NULL, -- SHA-256 of the hash before and of this row, in hexadecimal digits
    CONSTRAINT PK_IM_ObjectAudit PRIMARY KEY (connector_id, seq)
);

-- The name of a connector's chain has the connector's id in it.
ALTER TABLE IM_AuditHeads DROP CONSTRAINT PK_IM_AuditHeads;
ALTER TABLE IM_AuditHeads ALTER COLUMN chain nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL;
ALTER TABLE IM_AuditHeads ADD CONSTRAINT PK_IM_AuditHeads PRIMARY KEY (chain);

-- What was removed from the beginning of a chain, and by whose word. The newest of
-- a chain is where it begins now.
CREATE TABLE IM_AuditCheckpoints (
    chain     nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    seq       bigint NOT NULL, -- the last record that was removed
    hash      char(64) NOT NULL, -- and its hash
    at        datetime2(6) NOT NULL,
    signer    char(64) NOT NULL, -- the public key, in hexadecimal digits
    signature char(128) NOT NULL,
    CONSTRAINT PK_IM_AuditCheckpoints PRIMARY KEY (chain, seq)
);

-- How far the records that a program keeps for the log, while it cannot be written,
-- are in the log.
CREATE TABLE IM_AuditSources (
    source varchar(64) NOT NULL CONSTRAINT PK_IM_AuditSources PRIMARY KEY,
    done   bigint NOT NULL
);

-- Searches show the newest first. A text of any length can be no key of an index:
-- its beginning is.
ALTER TABLE IM_AdminAudit ADD actor_key AS CAST(LEFT(actor, 400) AS nvarchar(400)) PERSISTED;
ALTER TABLE IM_AdminAudit ADD action_key AS CAST(LEFT(action, 400) AS nvarchar(400)) PERSISTED;
ALTER TABLE IM_AdminAudit ADD outcome_key AS CAST(LEFT(outcome, 400) AS nvarchar(400)) PERSISTED;
ALTER TABLE IM_AdminAudit ADD target_key AS CAST(LEFT(target, 400) AS nvarchar(400)) PERSISTED;
CREATE INDEX IX_IM_AdminAudit_At ON IM_AdminAudit (at);
CREATE INDEX IX_IM_AdminAudit_Actor ON IM_AdminAudit (actor_key, at);
CREATE INDEX IX_IM_AdminAudit_Action ON IM_AdminAudit (action_key, at);
CREATE INDEX IX_IM_AdminAudit_Outcome ON IM_AdminAudit (outcome_key, at);
CREATE INDEX IX_IM_AdminAudit_Target ON IM_AdminAudit (target_key, at);
