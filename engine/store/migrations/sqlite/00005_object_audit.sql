-- +goose Up
-- The newest record of the connector's audit chain that tells of the object; 0 for
-- none. Each record names the one before.
ALTER TABLE IM_ManagementSpaceObjects ADD COLUMN audit_seq INTEGER NOT NULL DEFAULT 0;
