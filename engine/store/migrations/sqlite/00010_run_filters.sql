-- +goose Up
-- What pages of the history are narrowed down by, so that the few runs of a kind
-- are found among many others.
CREATE INDEX IX_IM_RunHistory_Kind ON IM_RunHistory (kind, seq);
CREATE INDEX IX_IM_RunHistory_Trigger ON IM_RunHistory (trigger_name, seq);
CREATE INDEX IX_IM_RunHistory_StatusDuration ON IM_RunHistory (status, duration_ms, seq) WHERE duration_ms IS NOT NULL;
