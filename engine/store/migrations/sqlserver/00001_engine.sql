-- +goose Up

-- Texts that the programs compare have a binary collation, so that they compare
-- here as they do in the programs and in SQLite. anchor_bytes is DATALENGTH of the
-- anchor: comparing texts ignores blanks at the end, comparing both does not.

CREATE TABLE IM_Connectors (
    id               nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_Connectors PRIMARY KEY,
    name             nvarchar(200) NOT NULL,
    name_key         nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT UX_IM_Connectors_name_key UNIQUE,
    type             nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    config           nvarchar(max) NOT NULL,
    enabled          bit NOT NULL,
    instance_name    nvarchar(200) NOT NULL,
    instance_key     nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    version          bigint NOT NULL,
    created          datetime2(6) NOT NULL,
    updated          datetime2(6) NOT NULL
);

CREATE TABLE IM_ConnectorState (
    connector_id     nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_ConnectorState PRIMARY KEY CONSTRAINT FK_IM_ConnectorState_Connector REFERENCES IM_Connectors (id),
    watermark        nvarchar(max) NOT NULL,
    lease_holder     nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    lease_token      bigint NOT NULL,
    lease_expires    datetime2(6) NULL,
    updated          datetime2(6) NOT NULL
);

CREATE TABLE IM_Schedules (
    id               nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_Schedules PRIMARY KEY,
    connector_id     nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT FK_IM_Schedules_Connector REFERENCES IM_Connectors (id),
    kind             nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    interval_seconds bigint NOT NULL,
    cron             nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    enabled          bit NOT NULL,
    next_due         datetime2(6) NOT NULL,
    version          bigint NOT NULL
);
CREATE INDEX IX_IM_Schedules_Connector ON IM_Schedules (connector_id);
CREATE INDEX IX_IM_Schedules_Due ON IM_Schedules (next_due);

CREATE TABLE IM_RunHistory (
    seq              bigint IDENTITY(1,1) NOT NULL CONSTRAINT PK_IM_RunHistory PRIMARY KEY,
    id               nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT UX_IM_RunHistory_id UNIQUE,
    connector_id     nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    connector_name   nvarchar(200) NOT NULL,
    connector_type   nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    kind             nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    trigger_name     nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    requested_by     nvarchar(300) NOT NULL,
    instance_name    nvarchar(200) NOT NULL,
    instance_key     nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    incarnation      nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    status           nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    queued           datetime2(6) NOT NULL,
    started          datetime2(6) NULL,
    finished         datetime2(6) NULL,
    added            bigint NOT NULL,
    updated          bigint NOT NULL,
    unchanged        bigint NOT NULL,
    absent           bigint NOT NULL,
    failed           bigint NOT NULL,
    pages            bigint NOT NULL,
    reason           nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    error_text       nvarchar(max) NOT NULL,
    watermark_before nvarchar(max) NOT NULL,
    watermark_after  nvarchar(max) NOT NULL,
    trace_id         nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    report           nvarchar(max) NOT NULL
);
CREATE INDEX IX_IM_RunHistory_Connector ON IM_RunHistory (connector_id, seq);
CREATE INDEX IX_IM_RunHistory_Work ON IM_RunHistory (connector_id, status, seq);
CREATE INDEX IX_IM_RunHistory_Status ON IM_RunHistory (status, seq);

CREATE TABLE IM_ConnectorLogs (
    id               bigint IDENTITY(1,1) NOT NULL CONSTRAINT PK_IM_ConnectorLogs PRIMARY KEY,
    run_id           nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    connector_id     nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    logged           datetime2(6) NOT NULL,
    level            nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    entry            nvarchar(max) NOT NULL,
    anchor           nvarchar(max) NOT NULL,
    message          nvarchar(max) NOT NULL
);
CREATE INDEX IX_IM_ConnectorLogs_Run ON IM_ConnectorLogs (run_id, id);

CREATE TABLE IM_ManagementSpaceObjects (
    id               bigint IDENTITY(1,1) NOT NULL CONSTRAINT PK_IM_ManagementSpaceObjects PRIMARY KEY,
    connector_id     nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    anchor           nvarchar(800) COLLATE Latin1_General_100_BIN2 NOT NULL,
    anchor_bytes     int NOT NULL,
    object_type      nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    present          bit NOT NULL,
    first_seen       datetime2(6) NOT NULL,
    last_changed     datetime2(6) NOT NULL,
    absent_since     datetime2(6) NULL,
    mesh_object_id   nvarchar(36) COLLATE Latin1_General_100_BIN2 NULL,
    last_run_id      nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    content_hash     binary(32) NOT NULL,
    attributes       nvarchar(max) NOT NULL
);
CREATE UNIQUE INDEX UX_IM_ManagementSpaceObjects_Anchor ON IM_ManagementSpaceObjects (connector_id, anchor, anchor_bytes);
CREATE INDEX IX_IM_ManagementSpaceObjects_Present ON IM_ManagementSpaceObjects (connector_id, id, present);

CREATE TABLE IM_EngineInstances (
    role             nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name_key         nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name             nvarchar(200) NOT NULL,
    machine          nvarchar(300) NOT NULL,
    version          nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    incarnation      nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    provider         nvarchar(200) NOT NULL,
    provider_target  nvarchar(500) NOT NULL,
    provider_version nvarchar(100) NOT NULL,
    started          datetime2(6) NOT NULL,
    last_heartbeat   datetime2(6) NOT NULL,
    CONSTRAINT PK_IM_EngineInstances PRIMARY KEY (role, name_key)
);

CREATE TABLE IM_AdminTokens (
    token_hash       nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_AdminTokens PRIMARY KEY,
    name             nvarchar(200) NOT NULL,
    name_key         nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT UX_IM_AdminTokens_name_key UNIQUE,
    created          datetime2(6) NOT NULL
);
