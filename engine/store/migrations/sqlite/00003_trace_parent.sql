-- +goose Up
-- The W3C trace context of whoever asked for the run, which the run continues.
ALTER TABLE IM_RunHistory ADD COLUMN trace_parent TEXT NOT NULL DEFAULT '';
