package store_test

import (
	"strings"
	"testing"
)

// A statement that grows with the table instead of with what it is asked for
// would only be noticed at a customer's.
func TestHotStatementsReadThroughAnIndex(t *testing.T) {
	f := backend{"SQLite", sqliteIn(t)}.open(t)
	for statement, want := range map[string]string{
		`SELECT j.key FROM json_each('["a"]') AS j CROSS JOIN IM_ManagementSpaceObjects AS o WHERE o.connector_id = 'c' AND o.anchor = j.value`:                                                                                                                "UX_IM_ManagementSpaceObjects_Anchor (connector_id=? AND anchor=?)",
		`SELECT id FROM IM_ManagementSpaceObjects WHERE connector_id = 'c' AND id > 5 AND id <= 9 AND present = 1 ORDER BY id LIMIT 5`:                                                                                                                         "COVERING INDEX IX_IM_ManagementSpaceObjects_Present (connector_id=? AND id>? AND id<?)",
		`SELECT COALESCE(MAX(id), 0) FROM IM_ManagementSpaceObjects WHERE connector_id = 'c'`:                                                                                                                                                                  "IX_IM_ManagementSpaceObjects_Present (connector_id=?)",
		`SELECT COUNT(*) FROM IM_ManagementSpaceObjects o WHERE o.connector_id = 'c' AND o.present = 1`:                                                                                                                                                        "COVERING INDEX IX_IM_ManagementSpaceObjects_Present (connector_id=?)",
		`SELECT * FROM IM_ManagementSpaceObjects o WHERE o.connector_id = 'c' AND o.id > 5 AND o.present = 1 ORDER BY o.id LIMIT 5`:                                                                                                                            "IX_IM_ManagementSpaceObjects_Present (connector_id=? AND id>?)",
		`UPDATE IM_ManagementSpaceObjects SET present = 0 WHERE id IN (SELECT value FROM json_each('[1]'))`:                                                                                                                                                    "INTEGER PRIMARY KEY",
		`UPDATE IM_RunHistory SET reason = '' WHERE connector_id = 'c' AND status = 'Running'`:                                                                                                                                                                 "IX_IM_RunHistory_Work (connector_id=? AND status=?)",
		`SELECT * FROM IM_RunHistory r WHERE r.status = 'Failed' AND r.seq < 5 ORDER BY r.seq DESC LIMIT 5`:                                                                                                                                                    "IX_IM_RunHistory_Status (status=? AND seq<?)",
		`SELECT * FROM IM_RunHistory r WHERE r.connector_id = 'c' ORDER BY r.seq DESC LIMIT 5`:                                                                                                                                                                 "IX_IM_RunHistory_Connector (connector_id=?)",
		`SELECT seq FROM IM_RunHistory WHERE status = 'Queued' ORDER BY seq LIMIT 5`:                                                                                                                                                                           "COVERING INDEX IX_IM_RunHistory_Status (status=?)",
		`SELECT COUNT(*) FROM IM_RunHistory WHERE status = 'Queued'`:                                                                                                                                                                                           "COVERING INDEX IX_IM_RunHistory_Status (status=?)",
		`SELECT r.status, r.started, r.finished, r.added, r.updated, r.absent, r.failed FROM IM_RunHistory r WHERE r.finished >= '1' AND r.finished < '2' AND r.kind <> 'test'`:                                                                                "COVERING INDEX IX_IM_RunHistory_Finished (finished>? AND finished<?)",
		`SELECT r.status, r.started, r.finished, r.added, r.updated, r.absent, r.failed FROM IM_RunHistory r WHERE r.finished >= '1' AND r.finished < '2' AND r.kind <> 'test' AND r.connector_id = 'c'`:                                                       "IX_IM_RunHistory_ConnectorFinished (connector_id=? AND finished>? AND finished<?)",
		`SELECT r.seq, r.id, r.finished FROM IM_RunHistory r WHERE r.finished >= '1' AND r.finished < '2' AND EXISTS (SELECT 1 FROM IM_RunHistory n WHERE n.connector_id = r.connector_id AND n.seq > r.seq AND n.kind <> 'test') ORDER BY r.finished LIMIT 5`: "IX_IM_RunHistory_Finished (finished>? AND finished<?); SEARCH n EXISTS USING INDEX IX_IM_RunHistory_Connector (connector_id=? AND seq>?)",
		`SELECT l.id FROM json_each('[]') AS j CROSS JOIN IM_ConnectorLogs AS l WHERE l.run_id = json_extract(j.value, '$.r') AND l.id > json_extract(j.value, '$.a')`:                                                                                         "IX_IM_ConnectorLogs_Run (run_id=? AND id>?)",
		`SELECT MAX(x.seq) FROM IM_RunHistory x WHERE x.connector_id = 'c' AND x.status IN ('Failed', 'Succeeded') AND x.kind <> 'test'`:                                                                                                                       "(connector_id=?",
		`SELECT * FROM IM_ConnectorLogs l WHERE l.run_id = 'r' AND l.id > 5 ORDER BY l.id LIMIT 5`:                                                                                                                                                             "IX_IM_ConnectorLogs_Run (run_id=? AND id>?)",
	} {
		rows, err := f.DB().Read.Query("EXPLAIN QUERY PLAN " + statement)
		must(t, err)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		must(t, rows.Close())
		if all := strings.Join(plan, "; "); !strings.Contains(all, want) || strings.Contains(all, "TEMP B-TREE FOR ORDER") {
			t.Errorf("%s\nis planned as %s\nand not by     %s", statement, all, want)
		}
	}
}
