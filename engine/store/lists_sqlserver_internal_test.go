package store

import (
	"context"
	"database/sql/driver"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
)

// replyToLists gives the statements of lists one row of the right shape.
func replyToLists(text string) (fakeserver.Answer, bool) {
	n, z := int64(1), int64(0)
	var row []driver.Value
	switch {
	case !strings.HasPrefix(text, "SELECT"):
	case strings.Contains(text, "FROM IM_Connectors c LEFT JOIN"):
		row = []driver.Value{"c", "name", "ldap", "{}", true, "", n, someTime, someTime, `["secret://a"]`, "Succeeded 5", someTime, someTime, "run", "full",
			"Running", someTime, someTime, nil, z, z, z, z, z, "", ""}
	case strings.Contains(text, "c.refs IS NULL AND c.id > @p1"):
		return fakeserver.Answer{}, true
	case strings.Contains(text, "SELECT COUNT(*) FROM IM_Connectors c WHERE"):
		row = []driver.Value{n}
	case strings.Contains(text, "r.queued, r.started, r.finished FROM IM_RunHistory r"):
		row = []driver.Value{n, "Succeeded", someTime, someTime, someTime}
	case strings.Contains(text, "SELECT connector_id FROM IM_RunHistory"):
		row = []driver.Value{"c"}
	case strings.Contains(text, "r.duration_ms FROM IM_RunHistory r"):
		row = []driver.Value{n, "run", "c", "name", "ldap", "full", "manual", "ann", "me", "1", "Running", someTime, someTime, nil, z, z, z, z, z, z,
			"", "", "", "", "", "", "", "", n}
	case strings.Contains(text, "FROM IM_IdempotencyKeys"):
		row = []driver.Value{"f", "id", n, false, "", nil}
	case strings.Contains(text, "GROUP BY x.name ORDER BY"):
		row = []driver.Value{"im-1", "secret://a"}
	case strings.Contains(text, "GROUP BY x.name"):
		row = []driver.Value{"im-1", n}
	case strings.Contains(text, "INNER JOIN IM_ConnectorRefs"):
		row = []driver.Value{"im-1", "c", "name"}
	case strings.Contains(text, "INNER JOIN IM_SecretUse"):
		row = []driver.Value{"im-1", "secret://a", someTime, "OK", "", "c", "name", "run"}
	case strings.Contains(text, ", c.name FROM IM_Schedules s"):
		row = []driver.Value{"x", "c", "full", int64(60), "", true, someTime, n, "name"}
	case strings.Contains(text, "INNER JOIN IM_Connectors c ON c.id = o.connector_id"):
		row = []driver.Value{n, "c", "a", "user", "{}", true, someTime, someTime, nil, nil, "run", "name", n}
	}
	return fakeserver.Answer{Rows: [][]driver.Value{row}}, row != nil
}

// useLists calls every operation on lists.
func useLists(ctx context.Context, s *Store, note func(string, error)) {
	yes := true
	mark, then := &Mark{Key: "1", ID: "1"}, &Mark{Key: momentKey(someTime), ID: "1"}
	_, _, err := s.PageConnectors(ctx, ConnectorFilter{Q: "a", Type: "ldap", Instance: "me", Status: Failed, Enabled: &yes}, Paging{Sort: "-lastRun", After: then, Limit: 5})
	note("page connectors", err)
	_, _, err = s.PageConnectors(ctx, ConnectorFilter{Status: NeverRan}, Paging{After: mark, Limit: 5})
	note("page connectors by name", err)
	note("count connectors", second(s.CountConnectors(ctx, ConnectorFilter{Q: "a"})))
	note("listed connector", second(s.ListedConnector(ctx, "c")))
	note("show connectors", s.ShowConnectors(ctx, nil))
	_, err = s.CreateConnector(ctx, Connector{Name: "name", Config: []byte("{}"), Refs: []string{"secret://a"}})
	note("create connector with refs", err)
	_, _, err = s.PageSchedules(ctx, ScheduleFilter{ConnectorID: "c", Kind: Full, Enabled: &yes, Q: "a"}, Paging{After: then, Limit: 5})
	note("page schedules", err)
	_, _, err = s.PageRuns(ctx, RunFilter{ConnectorID: "c", Status: Failed, Kind: Full, Trigger: Manual, Reason: "X", Instance: "me", From: someTime, To: someTime},
		Paging{Sort: "-duration", After: mark, Limit: 5})
	note("page runs", err)
	note("list runs", second(s.ListRuns(ctx, RunFilter{Before: 3}, 5)))
	_, _, err = s.PageLogs(ctx, "run", Error, Paging{Sort: "-logged", After: mark, Limit: 5})
	note("page logs", err)
	_, _, err = s.PageObjects(ctx, ObjectFilter{ConnectorID: "c", Type: "user", Present: &yes, Q: "a"}, Paging{Limit: 5})
	note("page objects", err)
	_, _, err = s.PageObjects(ctx, ObjectFilter{}, Paging{Limit: 5, Sort: "-firstSeen"})
	note("page objects the other way round", err)
	note("object", second(s.Object(ctx, 1)))
	note("secret uses", second(s.UsesOf(ctx, []string{"im-1"})))
	note("used secrets", second(s.ListUsedSecrets(ctx, "", 5)))
	once, _, err := s.BeginOnce(ctx, Once{KeyHash: "h", Fingerprint: "f"})
	note("begin once", err)
	note("end once", s.EndOnce(ctx, once, "{}"))
	note("leave once", s.LeaveOnce(ctx, once, false))
	note("forget once", s.LeaveOnce(ctx, once, true))
	note("record reads", s.RecordReads(ctx, []SecretRead{{Ref: "secret://a", Used: someTime}}))
}
