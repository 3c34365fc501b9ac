-- +goose Up
-- A reload of the instance's secret provider is asked for by adding to wanted and
-- answered by raising done to it, so that no clocks are compared.
ALTER TABLE IM_EngineInstances ADD COLUMN reload_wanted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE IM_EngineInstances ADD COLUMN reload_done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE IM_EngineInstances ADD COLUMN reload_by TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_EngineInstances ADD COLUMN reload_at TEXT;
ALTER TABLE IM_EngineInstances ADD COLUMN reload_problem TEXT NOT NULL DEFAULT '';
