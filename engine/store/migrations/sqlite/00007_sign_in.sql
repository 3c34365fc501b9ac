-- +goose Up
-- A token may do what its role may, or the permissions named here, which are
-- separated by blanks. The one that the product made before this is an
-- administrator's without an end.
ALTER TABLE IM_AdminTokens ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_AdminTokens ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_AdminTokens ADD COLUMN role TEXT NOT NULL DEFAULT 'Admin';
ALTER TABLE IM_AdminTokens ADD COLUMN permissions TEXT NOT NULL DEFAULT '';
ALTER TABLE IM_AdminTokens ADD COLUMN expires TEXT;
ALTER TABLE IM_AdminTokens ADD COLUMN last_used TEXT;
ALTER TABLE IM_AdminTokens ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
UPDATE IM_AdminTokens SET id = name_key;
CREATE UNIQUE INDEX UX_IM_AdminTokens_id ON IM_AdminTokens (id);

-- Who is signed in with a browser. A session that a token began ends with it.
CREATE TABLE IM_AdminSessions (
    session_hash     TEXT NOT NULL PRIMARY KEY,
    id               TEXT NOT NULL,
    kind             TEXT NOT NULL,
    name             TEXT NOT NULL,
    role             TEXT NOT NULL,
    permissions      TEXT NOT NULL,
    way              TEXT NOT NULL,
    rules            TEXT NOT NULL,
    token_id         TEXT REFERENCES IM_AdminTokens (id) ON DELETE CASCADE,
    created          TEXT NOT NULL,
    last_seen        TEXT NOT NULL,
    expires          TEXT NOT NULL,
    address          TEXT NOT NULL,
    user_agent       TEXT NOT NULL
);
CREATE INDEX IX_IM_AdminSessions_Token ON IM_AdminSessions (token_id);
