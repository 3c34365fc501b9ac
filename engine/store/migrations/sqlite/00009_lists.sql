-- +goose Up
-- What the list of connectors shows, filters and sorts by, kept with each
-- connector: its newest import (run_seq 0, no status and 1970 for none), the last
-- ten that ended, and when its schedules are next due (9999 for never). refs is a
-- JSON array of the refs that its configuration uses, NULL when nobody has looked.
ALTER TABLE IM_Connectors ADD COLUMN refs TEXT;
ALTER TABLE IM_Connectors ADD COLUMN run_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE IM_Connectors ADD COLUMN run_status TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_Connectors ADD COLUMN run_at TEXT NOT NULL DEFAULT '1970-01-01T00:00:00.000000Z';
ALTER TABLE IM_Connectors ADD COLUMN trend TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_Connectors ADD COLUMN next_due TEXT NOT NULL DEFAULT '9999-12-31T23:59:59.999999Z';
CREATE INDEX IX_IM_Connectors_Type ON IM_Connectors (type, name_key);
CREATE INDEX IX_IM_Connectors_Enabled ON IM_Connectors (enabled, name_key);
CREATE INDEX IX_IM_Connectors_Instance ON IM_Connectors (instance_key, name_key);
CREATE INDEX IX_IM_Connectors_RunStatus ON IM_Connectors (run_status, name_key);
CREATE INDEX IX_IM_Connectors_RunAt ON IM_Connectors (run_at, name_key);
CREATE INDEX IX_IM_Connectors_NextDue ON IM_Connectors (next_due, name_key);

-- Which connectors use a secret, by its name in every store.
CREATE TABLE IM_ConnectorRefs (
    connector_id TEXT NOT NULL REFERENCES IM_Connectors (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    ref          TEXT NOT NULL,
    PRIMARY KEY (name, connector_id)
);
CREATE INDEX IX_IM_ConnectorRefs_Connector ON IM_ConnectorRefs (connector_id);

-- How the last read of each secret by a run went, in the words of who answered.
CREATE TABLE IM_SecretUse (
    name           TEXT NOT NULL PRIMARY KEY,
    ref            TEXT NOT NULL,
    last_used      TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    message        TEXT NOT NULL,
    connector_id   TEXT NOT NULL,
    connector_name TEXT NOT NULL,
    run_id         TEXT NOT NULL
);

-- Requests that are carried out once. Nothing here tells the key, the body or a
-- secret: both are hashed, and answers with secrets are not kept.
CREATE TABLE IM_IdempotencyKeys (
    key_hash    TEXT    NOT NULL PRIMARY KEY,
    operation   TEXT    NOT NULL,
    principal   TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    resource_id TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    answer      TEXT    NOT NULL,
    created     TEXT    NOT NULL,
    tried       TEXT
);
CREATE INDEX IX_IM_IdempotencyKeys_Created ON IM_IdempotencyKeys (created);

DROP INDEX IX_IM_Schedules_Connector;
DROP INDEX IX_IM_Schedules_Due;
CREATE INDEX IX_IM_Schedules_Connector ON IM_Schedules (connector_id, next_due, id);
CREATE INDEX IX_IM_Schedules_Due ON IM_Schedules (next_due, id);

-- How long a run took, NULL while it has not ended.
ALTER TABLE IM_RunHistory ADD COLUMN duration_ms INTEGER
    GENERATED ALWAYS AS (CAST(ROUND((julianday(finished) - julianday(started)) * 86400000) AS INTEGER)) VIRTUAL;
CREATE INDEX IX_IM_RunHistory_Duration ON IM_RunHistory (duration_ms, seq) WHERE duration_ms IS NOT NULL;
CREATE INDEX IX_IM_RunHistory_Queued ON IM_RunHistory (queued);
CREATE INDEX IX_IM_RunHistory_Reason ON IM_RunHistory (reason, seq) WHERE reason <> '';
CREATE INDEX IX_IM_RunHistory_Instance ON IM_RunHistory (instance_key, seq);
