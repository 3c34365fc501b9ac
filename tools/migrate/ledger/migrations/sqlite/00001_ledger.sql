-- +goose Up
-- The one migration that this file is about.
CREATE TABLE migration (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT NOT NULL,
    created     TEXT NOT NULL,
    who         TEXT NOT NULL,
    host        TEXT NOT NULL,
    from_provider TEXT NOT NULL,
    from_config TEXT NOT NULL, -- the path of the settings file
    from_store  TEXT NOT NULL, -- what the store calls itself: a vault's host, a database
    to_provider TEXT NOT NULL,
    to_config   TEXT NOT NULL,
    to_store    TEXT NOT NULL,
    planned     TEXT -- when a plan was last complete
);

CREATE TABLE refs (
    ref            TEXT PRIMARY KEY,
    name           TEXT NOT NULL, -- in every store; see sdk/naming
    state          TEXT NOT NULL,
    verdict        TEXT NOT NULL, -- of the last plan
    generation     INTEGER NOT NULL, -- which plan saw it last
    used           INTEGER NOT NULL, -- 1 when a connector needs it
    source_version TEXT NOT NULL,
    target_version TEXT NOT NULL,
    written        TEXT NOT NULL, -- the version that the last copy made in the target
    reason         TEXT NOT NULL,
    next           TEXT NOT NULL,
    reads          INTEGER NOT NULL,
    last_read      TEXT,
    changed        TEXT NOT NULL,
    open           INTEGER NOT NULL  -- the intent that has no outcome yet; 0 for none
);
CREATE INDEX refs_state ON refs (state, ref);
CREATE INDEX refs_name ON refs (name);
CREATE INDEX refs_open ON refs (ref) WHERE open <> 0;

-- What was done, as a chain: each row holds the hash of the one before.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY,
    at             TEXT NOT NULL,
    phase          TEXT NOT NULL,
    intent         INTEGER NOT NULL, -- the row whose outcome this is; 0 for none
    step           TEXT NOT NULL,
    ref            TEXT NOT NULL,    -- empty for the migration as a whole
    from_state     TEXT NOT NULL,
    to_state       TEXT NOT NULL,
    source_version TEXT NOT NULL,
    target_version TEXT NOT NULL,
    who            TEXT NOT NULL,
    host           TEXT NOT NULL,
    outcome        TEXT NOT NULL,    -- OK or the reason of a failure; empty for an intent
    reason         TEXT NOT NULL,
    hash           TEXT NOT NULL
);

CREATE TABLE head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO head (one, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Facts of the migration as a whole that later steps need.
CREATE TABLE notes (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Entries of the source whose ref nobody knows.
CREATE TABLE unnamed (
    name   TEXT PRIMARY KEY,
    reason TEXT NOT NULL
);

-- What the target held when a plan was made; empty otherwise.
CREATE TABLE target_entries (
    name    TEXT PRIMARY KEY,
    ref     TEXT NOT NULL,
    version TEXT NOT NULL
);

-- Who works with this file now, for whoever finds the lock taken.
CREATE TABLE holder (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    who     TEXT NOT NULL,
    host    TEXT NOT NULL,
    pid     INTEGER NOT NULL,
    command TEXT NOT NULL,
    since   TEXT NOT NULL
);
