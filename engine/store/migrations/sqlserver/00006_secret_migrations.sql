-- +goose Up
-- A copy of what the tool that moves secrets has in its own ledger, for those who
-- watch. counts is a JSON object of numbers.
CREATE TABLE IM_Migrations (
    id               nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_Migrations PRIMARY KEY,
    step             nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    problem          nvarchar(max) NOT NULL,
    source           nvarchar(200) NOT NULL,
    source_target    nvarchar(500) NOT NULL,
    target           nvarchar(200) NOT NULL,
    target_target    nvarchar(500) NOT NULL,
    started_by       nvarchar(300) NOT NULL,
    machine          nvarchar(300) NOT NULL,
    ledger           nvarchar(max) NOT NULL,
    started          datetime2(6) NOT NULL,
    updated          datetime2(6) NOT NULL,
    finished         datetime2(6) NULL,
    counts           nvarchar(max) NOT NULL
);

CREATE TABLE IM_MigrationRefs (
    migration_id     nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL
                     CONSTRAINT FK_IM_MigrationRefs_Migration REFERENCES IM_Migrations (id) ON DELETE CASCADE,
    position         int NOT NULL,
    ref              nvarchar(max) NOT NULL,
    state            nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason           nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    message          nvarchar(max) NOT NULL,
    CONSTRAINT PK_IM_MigrationRefs PRIMARY KEY (migration_id, position)
);
