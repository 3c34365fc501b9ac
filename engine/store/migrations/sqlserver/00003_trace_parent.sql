-- +goose Up
-- The W3C trace context of whoever asked for the run, which the run continues.
ALTER TABLE IM_RunHistory ADD trace_parent nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_IM_RunHistory_trace_parent DEFAULT '';
