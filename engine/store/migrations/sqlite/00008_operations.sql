-- +goose Up
-- Who asked an engine to end a run that is under way; empty for nobody.
ALTER TABLE IM_RunHistory ADD COLUMN cancel_by TEXT NOT NULL DEFAULT '';

-- What statistics read of the runs of a time, without their rows.
CREATE INDEX IX_IM_RunHistory_Finished ON IM_RunHistory (finished, kind, status, started, added, updated, absent, failed);
CREATE INDEX IX_IM_RunHistory_ConnectorFinished ON IM_RunHistory (connector_id, finished);

-- The build of an instance.
ALTER TABLE IM_EngineInstances ADD COLUMN commit_id TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_EngineInstances ADD COLUMN commit_date TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_EngineInstances ADD COLUMN platform TEXT NOT NULL DEFAULT '';

-- How the plugin of each instance is. document is JSON.
CREATE TABLE IM_PluginStates (
    role        TEXT NOT NULL,
    name_key    TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    provider    TEXT NOT NULL,
    state       TEXT NOT NULL,
    recorded    TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (role, name_key)
);
