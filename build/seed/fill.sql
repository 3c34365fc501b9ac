-- Who has done all that, and lives on for a day, with the secrets of the database.
INSERT INTO IM_EngineInstances (role, name_key, name, machine, version, incarnation, provider, provider_target, provider_version, started, last_heartbeat)
WITH n (name) AS (VALUES ('north'), ('south'))
SELECT 'engine', name, name, name || '.example', '1.0.0', name || '-1', 'DPAPI', @database, '', strftime('%Y-%m-%dT%H:%M:%f000Z', @from, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%f000Z', @until + 86400, 'unixepoch')
FROM n;

-- Of twenty connectors, one is switched off; of a hundred, ten belong to each engine,
-- and one to an engine that is gone. Ten share a secret.
INSERT INTO IM_Connectors (id, name, name_key, type, config, enabled, instance_name, instance_key, version, created, updated)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @connectors),
made (i, name, instance, type) AS (
    SELECT i, printf('Site %05d', i), CASE WHEN i % 100 = 33 THEN 'gone' WHEN i % 10 = 0 THEN 'north' WHEN i % 10 = 5 THEN 'south' ELSE '' END,
        CASE WHEN i % 4 = 0 THEN 'sql' ELSE 'ldap' END
    FROM n)
SELECT printf('c0000000-0000-7000-8000-%012d', i), name, lower(name), type,
    CASE type WHEN 'ldap' THEN
        json_object('host', printf('ldap%05d.example', i), 'baseDn', 'dc=example', 'bindDn', 'cn=reader,dc=example',
            'passwordSecretRef', printf('secret://site-%04d/reader/password', i / 10))
    ELSE json_object('driver', 'sqlite', 'connectionString', printf('/srv/site%05d.db', i), 'query', 'SELECT * FROM people', 'anchorColumn', 'id') END,
    i % 20 <> 0, instance, instance, 1, strftime('%Y-%m-%dT%H:%M:%f000Z', @from, 'unixepoch'), strftime('%Y-%m-%dT%H:%M:%f000Z', @from, 'unixepoch')
FROM made;

INSERT INTO IM_ConnectorState (connector_id, watermark, lease_holder, lease_token, lease_expires, updated)
SELECT id, '', '', 0, NULL, created FROM IM_Connectors;

-- Nine of ten are run by schedules, each at its own time within an hour from now on.
INSERT INTO IM_Schedules (id, connector_id, kind, interval_seconds, cron, enabled, next_due, version)
SELECT 'd' || substr(id, 2), id, 'delta', 3600, '', 1, strftime('%Y-%m-%dT%H:%M:%f000Z', @until + 60 + rowid * 7919 % 3600, 'unixepoch'), 1
FROM IM_Connectors WHERE rowid % 10 <> 3;

-- r is as good as random, from 0 to 65535. Of a hundred connectors, two fail since
-- the last quarter of the time, for five reasons; of a thousand, one never worked.
-- Elsewhere 2 % fail, and fewer are interrupted or cancelled. The newest runs are
-- queued or under way.
INSERT INTO IM_RunHistory (seq, id, connector_id, connector_name, connector_type, kind, trigger_name, requested_by, instance_name, instance_key,
    incarnation, status, queued, started, finished, added, updated, unchanged, absent, failed, pages, reason, error_text,
    watermark_before, watermark_after, trace_id, report)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @runs),
drawn (i, c, r, at) AS (
    SELECT i, 1 + (i * 7919) % @connectors, (i * 2654435761 >> 8) & 65535, @from + i * @step FROM n),
ended (i, c, r, at, status) AS (
    SELECT i, c, r, at, CASE
        WHEN i > @runs - 20 THEN 'Queued' WHEN i > @runs - 50 THEN 'Running'
        WHEN c % 50 = 7 AND i > @runs / 4 * 3 OR c % 1000 = 8 OR r < 1310 THEN 'Failed'
        WHEN r < 1600 THEN 'Interrupted' WHEN r < 1900 THEN 'Cancelled' ELSE 'Succeeded' END
    FROM drawn)
SELECT i, printf('e0000000-0000-7000-8000-%012d', i), printf('c0000000-0000-7000-8000-%012d', c), printf('Site %05d', c),
    CASE WHEN c % 4 = 0 THEN 'sql' ELSE 'ldap' END, CASE WHEN r % 64 = 5 THEN 'test' WHEN r % 8 = 1 THEN 'full' ELSE 'delta' END,
    CASE WHEN r % 16 = 3 THEN 'manual' ELSE 'schedule' END, '', CASE WHEN status = 'Queued' THEN '' WHEN c % 2 THEN 'south' ELSE 'north' END,
    CASE WHEN status = 'Queued' THEN '' WHEN c % 2 THEN 'south' ELSE 'north' END, '', status,
    strftime('%Y-%m-%dT%H:%M:%f000Z', at, 'unixepoch'),
    CASE WHEN status <> 'Queued' THEN strftime('%Y-%m-%dT%H:%M:%f000Z', at + 0.2, 'unixepoch') END,
    CASE WHEN status NOT IN ('Queued', 'Running') THEN strftime('%Y-%m-%dT%H:%M:%f000Z', at + 0.7 + (r * 7 % 60000) / 1000.0, 'unixepoch') END,
    r % 5, r % 11, 1000 - r % 11, r % 3 = 0, r % 97 = 0, 1,
    CASE status WHEN 'Failed' THEN CASE c / 50 % 5 WHEN 0 THEN 'ACCESS_DENIED' WHEN 1 THEN 'PROVIDER_UNAVAILABLE' WHEN 2 THEN 'SECRET_NOT_FOUND'
        WHEN 3 THEN 'SOURCE_UNAVAILABLE' ELSE 'SOURCE_REFUSED' END WHEN 'Interrupted' THEN 'INTERRUPTED' WHEN 'Cancelled' THEN 'CANCELLED' ELSE '' END,
    CASE status WHEN 'Failed' THEN printf('connector Site %05d: read the people: the server at %s did not answer within 30 s; is it up, and may this host reach it?',
        c, CASE c / 50 % 5 WHEN 0 THEN 'dc1.example' WHEN 1 THEN 'vault.example' ELSE 'site.example' END) ELSE '' END,
    '', '', '', ''
FROM ended;

-- A thousand for each of the first connectors; one of fifty is absent.
INSERT INTO IM_ManagementSpaceObjects (id, connector_id, anchor, object_type, present, first_seen, last_changed, absent_since, mesh_object_id,
    last_run_id, content_hash, attributes)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @objects)
SELECT i, printf('c0000000-0000-7000-8000-%012d', 1 + (i - 1) / 1000 % @connectors), printf('anchor-%06d', i), 'person', i % 50 <> 0,
    strftime('%Y-%m-%dT%H:%M:%f000Z', @from, 'unixepoch'), strftime('%Y-%m-%dT%H:%M:%f000Z', @from + i, 'unixepoch'),
    CASE WHEN i % 50 = 0 THEN strftime('%Y-%m-%dT%H:%M:%f000Z', @until, 'unixepoch') END, NULL, 'e0000000-0000-7000-8000-000000000001', zeroblob(32),
    json_object('cn', json_array(printf('Person %06d', i)), 'mail', json_array(printf('person%06d@example.org', i)),
        'department', json_array(printf('Department %03d', i % 300)), 'title', json_array('Clerk'))
FROM n WHERE @objects > 0;
