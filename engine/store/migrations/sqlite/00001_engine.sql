-- +goose Up

CREATE TABLE IM_Connectors (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    name_key      TEXT    NOT NULL UNIQUE,
    type          TEXT    NOT NULL,
    config        TEXT    NOT NULL,
    enabled       INTEGER NOT NULL,
    instance_name TEXT    NOT NULL,
    instance_key  TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    created       TEXT    NOT NULL,
    updated       TEXT    NOT NULL
);

CREATE TABLE IM_ConnectorState (
    connector_id  TEXT    NOT NULL PRIMARY KEY REFERENCES IM_Connectors (id),
    watermark     TEXT    NOT NULL,
    lease_holder  TEXT    NOT NULL,
    lease_token   INTEGER NOT NULL,
    lease_expires TEXT,
    updated       TEXT    NOT NULL
);

CREATE TABLE IM_Schedules (
    id               TEXT    NOT NULL PRIMARY KEY,
    connector_id     TEXT    NOT NULL REFERENCES IM_Connectors (id),
    kind             TEXT    NOT NULL,
    interval_seconds INTEGER NOT NULL,
    cron             TEXT    NOT NULL,
    enabled          INTEGER NOT NULL,
    next_due         TEXT    NOT NULL,
    version          INTEGER NOT NULL
);
CREATE INDEX IX_IM_Schedules_Connector ON IM_Schedules (connector_id);
CREATE INDEX IX_IM_Schedules_Due ON IM_Schedules (next_due);

CREATE TABLE IM_RunHistory (
    seq              INTEGER NOT NULL PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    connector_id     TEXT    NOT NULL,
    connector_name   TEXT    NOT NULL,
    connector_type   TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    trigger_name     TEXT    NOT NULL,
    requested_by     TEXT    NOT NULL,
    instance_name    TEXT    NOT NULL,
    instance_key     TEXT    NOT NULL,
    incarnation      TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    queued           TEXT    NOT NULL,
    started          TEXT,
    finished         TEXT,
    added            INTEGER NOT NULL,
    updated          INTEGER NOT NULL,
    unchanged        INTEGER NOT NULL,
    absent           INTEGER NOT NULL,
    failed           INTEGER NOT NULL,
    pages            INTEGER NOT NULL,
    reason           TEXT    NOT NULL,
    error_text       TEXT    NOT NULL,
    watermark_before TEXT    NOT NULL,
    watermark_after  TEXT    NOT NULL,
    trace_id         TEXT    NOT NULL,
    report           TEXT    NOT NULL
);
CREATE INDEX IX_IM_RunHistory_Connector ON IM_RunHistory (connector_id, seq);
CREATE INDEX IX_IM_RunHistory_Work ON IM_RunHistory (connector_id, status, seq);
CREATE INDEX IX_IM_RunHistory_Status ON IM_RunHistory (status, seq);

CREATE TABLE IM_ConnectorLogs (
    id           INTEGER NOT NULL PRIMARY KEY,
    run_id       TEXT    NOT NULL,
    connector_id TEXT    NOT NULL,
    logged       TEXT    NOT NULL,
    level        TEXT    NOT NULL,
    entry        TEXT    NOT NULL,
    anchor       TEXT    NOT NULL,
    message      TEXT    NOT NULL
);
CREATE INDEX IX_IM_ConnectorLogs_Run ON IM_ConnectorLogs (run_id, id);

CREATE TABLE IM_ManagementSpaceObjects (
    id             INTEGER NOT NULL PRIMARY KEY,
    connector_id   TEXT    NOT NULL,
    anchor         TEXT    NOT NULL,
    object_type    TEXT    NOT NULL,
    present        INTEGER NOT NULL,
    first_seen     TEXT    NOT NULL,
    last_changed   TEXT    NOT NULL,
    absent_since   TEXT,
    mesh_object_id TEXT,
    last_run_id    TEXT    NOT NULL,
    content_hash   BLOB    NOT NULL,
    attributes     TEXT    NOT NULL
);
CREATE UNIQUE INDEX UX_IM_ManagementSpaceObjects_Anchor ON IM_ManagementSpaceObjects (connector_id, anchor);
CREATE INDEX IX_IM_ManagementSpaceObjects_Present ON IM_ManagementSpaceObjects (connector_id, id, present);

CREATE TABLE IM_EngineInstances (
    role             TEXT NOT NULL,
    name_key         TEXT NOT NULL,
    name             TEXT NOT NULL,
    machine          TEXT NOT NULL,
    version          TEXT NOT NULL,
    incarnation      TEXT NOT NULL,
    provider         TEXT NOT NULL,
    provider_target  TEXT NOT NULL,
    provider_version TEXT NOT NULL,
    started          TEXT NOT NULL,
    last_heartbeat   TEXT NOT NULL,
    PRIMARY KEY (role, name_key)
);

CREATE TABLE IM_AdminTokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    created    TEXT NOT NULL
);
