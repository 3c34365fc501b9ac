-- +goose Up
-- A copy of what the tool that moves secrets has in its own ledger, for those who
-- watch. counts is a JSON object of numbers.
CREATE TABLE IM_Migrations (
    id               TEXT NOT NULL PRIMARY KEY,
    step             TEXT NOT NULL,
    problem          TEXT NOT NULL,
    source           TEXT NOT NULL,
    source_target    TEXT NOT NULL,
    target           TEXT NOT NULL,
    target_target    TEXT NOT NULL,
    started_by       TEXT NOT NULL,
    machine          TEXT NOT NULL,
    ledger           TEXT NOT NULL,
    started          TEXT NOT NULL,
    updated          TEXT NOT NULL,
    finished         TEXT,
    counts           TEXT NOT NULL
);

CREATE TABLE IM_MigrationRefs (
    migration_id     TEXT NOT NULL REFERENCES IM_Migrations (id) ON DELETE CASCADE,
    position         INTEGER NOT NULL,
    ref              TEXT NOT NULL,
    state            TEXT NOT NULL,
    reason           TEXT NOT NULL,
    message          TEXT NOT NULL,
    PRIMARY KEY (migration_id, position)
);
