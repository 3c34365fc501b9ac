-- +goose Up
-- The newest record of the connector's audit chain that tells of the object; 0 for
-- none. Each record names the one before.
ALTER TABLE IM_ManagementSpaceObjects ADD audit_seq bigint NOT NULL CONSTRAINT DF_IM_ManagementSpaceObjects_audit_seq DEFAULT 0;
