-- +goose Up
-- What the list of connectors shows, filters and sorts by, kept with each
-- connector: its newest import (run_seq 0, no status and 1970 for none), the last
-- ten that ended, and when its schedules are next due (9999 for never). refs is a
-- JSON array of the refs that its configuration uses, NULL when nobody has looked.
ALTER TABLE IM_Connectors ADD refs nvarchar(max) NULL;
ALTER TABLE IM_Connectors ADD run_seq bigint NOT NULL CONSTRAINT DF_IM_Connectors_run_seq DEFAULT 0;
ALTER TABLE IM_Connectors ADD run_status nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_IM_Connectors_run_status DEFAULT '';
ALTER TABLE IM_Connectors ADD run_at datetime2(6) NOT NULL CONSTRAINT DF_IM_Connectors_run_at DEFAULT '1970-01-01T00:00:00.000000';
ALTER TABLE IM_Connectors ADD trend nvarchar(400) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_IM_Connectors_trend DEFAULT '';
ALTER TABLE IM_Connectors ADD next_due datetime2(6) NOT NULL CONSTRAINT DF_IM_Connectors_next_due DEFAULT '9999-12-31T23:59:59.999999';
CREATE INDEX IX_IM_Connectors_Type ON IM_Connectors (type, name_key);
CREATE INDEX IX_IM_Connectors_Enabled ON IM_Connectors (enabled, name_key);
CREATE INDEX IX_IM_Connectors_Instance ON IM_Connectors (instance_key, name_key);
CREATE INDEX IX_IM_Connectors_RunStatus ON IM_Connectors (run_status, name_key);
CREATE INDEX IX_IM_Connectors_RunAt ON IM_Connectors (run_at, name_key);
CREATE INDEX IX_IM_Connectors_NextDue ON IM_Connectors (next_due, name_key);

-- Which connectors use a secret, by its name in every store.
CREATE TABLE IM_ConnectorRefs (
    connector_id   nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL
                   CONSTRAINT FK_IM_ConnectorRefs_Connector REFERENCES IM_Connectors (id) ON DELETE CASCADE,
    name           nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    ref            nvarchar(max) NOT NULL,
    CONSTRAINT PK_IM_ConnectorRefs PRIMARY KEY (name, connector_id)
);
CREATE INDEX IX_IM_ConnectorRefs_Connector ON IM_ConnectorRefs (connector_id);

-- How the last read of each secret by a run went, in the words of who answered.
CREATE TABLE IM_SecretUse (
    name           nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_SecretUse PRIMARY KEY,
    ref            nvarchar(max) NOT NULL,
    last_used      datetime2(6) NOT NULL,
    outcome        nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    message        nvarchar(max) NOT NULL,
    connector_id   nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    connector_name nvarchar(200) NOT NULL,
    run_id         nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL
);

-- Requests that are carried out once. Nothing here tells the key, the body or a
-- secret: both are hashed, and answers with secrets are not kept.
CREATE TABLE IM_IdempotencyKeys (
    key_hash       nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_IdempotencyKeys PRIMARY KEY,
    operation      nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    principal      nvarchar(400) NOT NULL,
    fingerprint    nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    resource_id    nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    attempt        bigint NOT NULL,
    done           bit NOT NULL,
    answer         nvarchar(max) NOT NULL,
    created        datetime2(6) NOT NULL,
    tried          datetime2(6) NULL
);
CREATE INDEX IX_IM_IdempotencyKeys_Created ON IM_IdempotencyKeys (created);

DROP INDEX IX_IM_Schedules_Connector ON IM_Schedules;
DROP INDEX IX_IM_Schedules_Due ON IM_Schedules;
CREATE INDEX IX_IM_Schedules_Connector ON IM_Schedules (connector_id, next_due, id);
CREATE INDEX IX_IM_Schedules_Due ON IM_Schedules (next_due, id);

-- How long a run took, NULL while it has not ended.
ALTER TABLE IM_RunHistory ADD duration_ms AS (DATEDIFF_BIG(millisecond, started, finished)) PERSISTED;
CREATE INDEX IX_IM_RunHistory_Duration ON IM_RunHistory (duration_ms, seq);
CREATE INDEX IX_IM_RunHistory_Queued ON IM_RunHistory (queued);
CREATE INDEX IX_IM_RunHistory_Reason ON IM_RunHistory (reason, seq) WHERE reason <> '';
CREATE INDEX IX_IM_RunHistory_Instance ON IM_RunHistory (instance_key, seq);
