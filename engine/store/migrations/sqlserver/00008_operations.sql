-- +goose Up
-- Who asked an engine to end a run that is under way; empty for nobody.
ALTER TABLE IM_RunHistory ADD cancel_by nvarchar(300) NOT NULL CONSTRAINT DF_IM_RunHistory_cancel_by DEFAULT '';

-- What statistics read of the runs of a time, without their rows.
CREATE INDEX IX_IM_RunHistory_Finished ON IM_RunHistory (finished) INCLUDE (kind, status, started, added, updated, absent, failed);
CREATE INDEX IX_IM_RunHistory_ConnectorFinished ON IM_RunHistory (connector_id, finished);

-- The build of an instance.
ALTER TABLE IM_EngineInstances ADD commit_id nvarchar(100) NOT NULL CONSTRAINT DF_IM_EngineInstances_commit_id DEFAULT '';
ALTER TABLE IM_EngineInstances ADD commit_date nvarchar(100) NOT NULL CONSTRAINT DF_IM_EngineInstances_commit_date DEFAULT '';
ALTER TABLE IM_EngineInstances ADD platform nvarchar(100) NOT NULL CONSTRAINT DF_IM_EngineInstances_platform DEFAULT '';

-- How the plugin of each instance is. document is JSON.
CREATE TABLE IM_PluginStates (
    role        nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name_key    nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    incarnation nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    provider    nvarchar(200) NOT NULL,
    state       nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    recorded    datetime2(6) NOT NULL,
    document    nvarchar(max) NOT NULL,
    CONSTRAINT PK_IM_PluginStates PRIMARY KEY (role, name_key)
);
