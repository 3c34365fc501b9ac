-- +goose Up
-- A token may do what its role may, or the permissions named here, which are
-- separated by blanks. The one that the product made before this is an
-- administrator's without an end.
ALTER TABLE IM_AdminTokens ADD id nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_IM_AdminTokens_id DEFAULT '';
ALTER TABLE IM_AdminTokens ADD hint nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_IM_AdminTokens_hint DEFAULT '';
ALTER TABLE IM_AdminTokens ADD role nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_IM_AdminTokens_role DEFAULT 'Admin';
ALTER TABLE IM_AdminTokens ADD permissions nvarchar(max) NOT NULL CONSTRAINT DF_IM_AdminTokens_permissions DEFAULT '';
ALTER TABLE IM_AdminTokens ADD expires datetime2(6) NULL;
ALTER TABLE IM_AdminTokens ADD last_used datetime2(6) NULL;
ALTER TABLE IM_AdminTokens ADD created_by nvarchar(300) NOT NULL CONSTRAINT DF_IM_AdminTokens_created_by DEFAULT '';
UPDATE IM_AdminTokens SET id = name_key;
CREATE UNIQUE INDEX UX_IM_AdminTokens_id ON IM_AdminTokens (id);

-- Who is signed in with a browser. A session that a token began ends with it.
CREATE TABLE IM_AdminSessions (
    session_hash     nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_IM_AdminSessions PRIMARY KEY,
    id               nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL,
    kind             nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name             nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    role             nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    permissions      nvarchar(max) NOT NULL,
    way              nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    rules            nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    token_id         nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL
                     CONSTRAINT FK_IM_AdminSessions_Token REFERENCES IM_AdminTokens (id) ON DELETE CASCADE,
    created          datetime2(6) NOT NULL,
    last_seen        datetime2(6) NOT NULL,
    expires          datetime2(6) NOT NULL,
    address          nvarchar(300) NOT NULL,
    user_agent       nvarchar(300) NOT NULL
);
CREATE INDEX IX_IM_AdminSessions_Token ON IM_AdminSessions (token_id);
