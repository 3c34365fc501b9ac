-- +goose Up

-- One row per secret. A database of the .NET product has the table already, with
-- the ref as name and a bare blob; it keeps its rows and gets what is missing.
-- 450 characters are what a clustered key can hold; our own names have 35.

-- +goose StatementBegin
IF OBJECT_ID(N'IM_Secrets', N'U') IS NULL
CREATE TABLE IM_Secrets (
    name      nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_Secrets PRIMARY KEY,
    blob      varbinary(max) NOT NULL
);
-- +goose StatementEnd

IF COL_LENGTH(N'IM_Secrets', N'ref') IS NULL ALTER TABLE IM_Secrets ADD ref nvarchar(max) NULL;
IF COL_LENGTH(N'IM_Secrets', N'protector') IS NULL ALTER TABLE IM_Secrets ADD protector nvarchar(50) NULL;
IF COL_LENGTH(N'IM_Secrets', N'key_id') IS NULL ALTER TABLE IM_Secrets ADD key_id nvarchar(100) NULL;
IF COL_LENGTH(N'IM_Secrets', N'host_id') IS NULL ALTER TABLE IM_Secrets ADD host_id nvarchar(100) NULL;
IF COL_LENGTH(N'IM_Secrets', N'host_name') IS NULL ALTER TABLE IM_Secrets ADD host_name nvarchar(300) NULL;
IF COL_LENGTH(N'IM_Secrets', N'version') IS NULL ALTER TABLE IM_Secrets ADD version bigint NOT NULL CONSTRAINT DF_IM_Secrets_version DEFAULT 0;
IF COL_LENGTH(N'IM_Secrets', N'created') IS NULL ALTER TABLE IM_Secrets ADD created datetime2(6) NULL;
IF COL_LENGTH(N'IM_Secrets', N'updated') IS NULL ALTER TABLE IM_Secrets ADD updated datetime2(6) NULL;
IF COL_LENGTH(N'IM_Secrets', N'expires') IS NULL ALTER TABLE IM_Secrets ADD expires datetime2(6) NULL;
IF COL_LENGTH(N'IM_Secrets', N'tags') IS NULL ALTER TABLE IM_Secrets ADD tags nvarchar(max) NULL;
