-- +goose Up
-- A reload of the instance's secret provider is asked for by adding to wanted and
-- answered by raising done to it, so that no clocks are compared.
ALTER TABLE IM_EngineInstances ADD reload_wanted bigint NOT NULL CONSTRAINT DF_IM_EngineInstances_reload_wanted DEFAULT 0;
ALTER TABLE IM_EngineInstances ADD reload_done bigint NOT NULL CONSTRAINT DF_IM_EngineInstances_reload_done DEFAULT 0;
ALTER TABLE IM_EngineInstances ADD reload_by nvarchar(300) NOT NULL CONSTRAINT DF_IM_EngineInstances_reload_by DEFAULT '';
ALTER TABLE IM_EngineInstances ADD reload_at datetime2(6) NULL;
ALTER TABLE IM_EngineInstances ADD reload_problem nvarchar(max) NOT NULL CONSTRAINT DF_IM_EngineInstances_reload_problem DEFAULT '';
