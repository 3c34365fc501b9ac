package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-sql/civil"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
)

// What is sent to SQL Server is looked at here without one: that parameters and
// arguments fit, and that only the idioms are used that we rely on. Whether the
// rules hold there is for the suite, on a real server.

var someTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// reply gives each query one row of the right shape.
func reply(text string) fakeserver.Answer {
	row := func(v ...driver.Value) fakeserver.Answer { return fakeserver.Answer{Rows: [][]driver.Value{v}} }
	n, z := int64(1), int64(0)
	if answer, mine := replyToLists(text); mine {
		return answer
	}
	switch {
	case !strings.HasPrefix(text, "SELECT"):
		return fakeserver.Answer{Affected: 1}
	case strings.Contains(text, "r.id, r.connector_id FROM IM_RunHistory"):
		return row("run", "c")
	case strings.Contains(text, "r.status = @p2 AND r.kind = @p3"):
		return fakeserver.Answer{} // nothing is queued yet
	case strings.HasPrefix(text, "SELECT r.seq, r.id, r.finished"):
		return row(n, "run", someTime)
	case strings.HasPrefix(text, "SELECT l.id, l.logged FROM"):
		return fakeserver.Answer{Rows: [][]driver.Value{{n, someTime}, {n + 1, someTime}}}
	case strings.Contains(text, "SELECT cancel_by"):
		return row("ann")
	case strings.Contains(text, "SELECT r.status, COUNT(*)"):
		return row("Failed", n)
	case strings.Contains(text, "SELECT r.status, r.started"):
		return row("Failed", someTime, someTime, z, z, z, z)
	case strings.Contains(text, "c.type, r.id, r.reason"):
		return row("c", "name", "ldap", "run", "TIMEOUT", "e", someTime)
	case strings.Contains(text, "COUNT(*) FROM IM_Connectors c"):
		return row(n)
	case strings.Contains(text, "SELECT c.id, c.name FROM"):
		return row("c", "name")
	case strings.Contains(text, "SERVERPROPERTY"):
		return row("16.0")
	case strings.Contains(text, "FROM INFORMATION_SCHEMA.TABLES"):
		return row("IM_EngineSchema")
	case strings.Contains(text, "MAX(version_id)"):
		return row(n)
	case strings.Contains(text, "FROM IM_PluginStates"):
		return row("engine", "me", "1", "DPAPI", "Ready", someTime, "{}")
	case strings.Contains(text, "FROM IM_RunHistory r"):
		return row(n, "run", "c", "name", "ldap", "full", "manual", "ann", "me", "1", "Running", someTime, someTime, nil, z, z, z, z, z, z, "", "", "", "", "", "", "", "")
	case strings.Contains(text, "FROM IM_Connectors c"):
		return row("c", "name", "ldap", "{}", true, "", n, someTime, someTime, nil)
	case strings.Contains(text, "FROM IM_ConnectorState"):
		return row("w", "holder", n, someTime)
	case strings.Contains(text, "FROM IM_Schedules"):
		return row("x", "c", "full", int64(60), "", true, someTime, n)
	case strings.Contains(text, "COALESCE(MAX(id), 0)"):
		return row(int64(9))
	case strings.Contains(text, "COUNT(*)"):
		return row(n)
	case strings.Contains(text, "o.attributes FROM OPENJSON(@p2) AS j"):
		return row(n, int64(5), true, make([]byte, 32), z, "user", "{}")
	case strings.Contains(text, "FROM OPENJSON(@p2) AS j"):
		return fakeserver.Answer{Rows: [][]driver.Value{{int64(1), int64(5), true, make([]byte, 32)}, {int64(2), int64(6), true, make([]byte, 32)}}}
	case strings.HasPrefix(text, "SELECT anchor, audit_seq"):
		return row("a", n)
	case strings.HasPrefix(text, "SELECT id, anchor FROM"):
		return row(int64(7), "g")
	case strings.HasPrefix(text, "SELECT id, audit_seq"):
		return row(int64(5), z, "user", "{}")
	case strings.Contains(text, "FROM IM_AuditHeads"):
		return row(n, strings.Repeat("0", 64))
	case strings.Contains(text, "FROM IM_ObjectAudit"):
		return row(n, someTime, "run", "changed", []byte(`{"anchor":"a","change":"added"}`+"\n"), strings.Repeat("0", 64))
	case strings.Contains(text, "AND id <= @p3"):
		return fakeserver.Answer{Rows: [][]driver.Value{{int64(5)}, {int64(7)}}}
	case strings.Contains(text, "FROM IM_ManagementSpaceObjects o"):
		return row(n, "c", "a", "user", "{}", true, someTime, someTime, nil, nil, "run")
	case strings.Contains(text, "SELECT seq FROM IM_RunHistory"), strings.HasSuffix(text, "MAX(seq), 0) FROM IM_RunHistory"):
		return row(n)
	case strings.Contains(text, "IM_ConnectorLogs"):
		return row(n, "run", "c", someTime, "Error", "e", "a", "m")
	case strings.Contains(text, "SELECT reload_wanted, reload_done, reload_by"):
		return row(int64(2), int64(1), "ann")
	case strings.Contains(text, "FROM IM_EngineInstances"):
		return row("engine", "me", "host", "1", "1", "dpapi", "db", "1", someTime, someTime, int64(2), int64(1), "ann", nil, "", "", "", "")
	case strings.Contains(text, "FROM IM_MigrationRefs"):
		return row("secret://a", "blocked", "TOO_LARGE", "m")
	case strings.Contains(text, "FROM IM_Migrations"):
		return row("m", "run", "", "DPAPI", "db", "AzureKeyVault", "v", "ann", "host", "l", someTime, someTime, nil, `{"copied":1}`)
	case strings.Contains(text, "FROM IM_AdminTokens"):
		return row("t", "ann", "abcd", "Admin", "a b", someTime, "", nil, nil)
	case strings.Contains(text, "FROM IM_AdminSessions"):
		return row("s", "token", "ann", "Admin", "a b", "token", "", "t", someTime, someTime, someTime, "127.0.0.1", "curl")
	}
	return fakeserver.Answer{Err: errors.New("no answer for " + text)}
}

func onFake(answer func(string) fakeserver.Answer) (*Store, *fakeserver.Server) {
	server := &fakeserver.Server{Reply: answer}
	db := server.DB()
	log := audit.On(db, func() time.Time { return someTime })
	return &Store{db: db, audit: log, cfg: Config{Now: func() time.Time { return someTime }, NewID: func() string { return "id" },
		OnStatement: func(string, int) {}}}, server
}

func TestEveryStatementForSQLServerIsWellFormed(t *testing.T) {
	s, server := onFake(reply)
	for name, err := range useAll(t.Context(), s) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	sent := server.Sent()
	if len(sent) < 60 {
		t.Fatalf("only %d statements were sent", len(sent))
	}
	for _, problem := range server.Problems() {
		t.Error(problem)
	}
	if err := server.Keep("store"); err != nil {
		t.Fatal(err)
	}
}

// useAll calls every operation that sends a statement.
func useAll(ctx context.Context, s *Store) map[string]error {
	errs := map[string]error{}
	note := func(name string, err error) { errs[name] = err }
	c := Connector{ID: "c", Name: "name", Config: []byte("{}"), Version: 1}
	x := Schedule{ID: "x", ConnectorID: "c", Kind: Full, Interval: time.Minute, NextDue: someTime}
	lease := Lease{ConnectorID: "c", Holder: "holder", Token: 1}
	note("prepare", s.prepare(ctx))
	note("create connector", second(s.CreateConnector(ctx, c)))
	note("by name", second(s.ConnectorByName(ctx, "name")))
	note("list connectors", second(s.ListConnectors(ctx, "", 5)))
	note("update connector", second(s.UpdateConnector(ctx, c)))
	note("delete connector", s.DeleteConnector(ctx, "c", 1))
	note("acquire", second(s.AcquireLease(ctx, "c", "holder", time.Minute)))
	note("renew", second(s.RenewLease(ctx, lease, time.Minute)))
	note("release", s.ReleaseLease(ctx, lease))
	note("create schedule", second(s.CreateSchedule(ctx, x)))
	note("list schedules", second(s.ListSchedules(ctx, "c")))
	note("update schedule", second(s.UpdateSchedule(ctx, x)))
	note("delete schedule", s.DeleteSchedule(ctx, "x", 1))
	note("due", second(s.Due(ctx, someTime, "me")))
	note("advance", s.Advance(ctx, "x", someTime, someTime))
	_, _, err := s.Fire(ctx, x, someTime)
	if err != nil && !errors.Is(err, ErrDisabled) {
		note("fire", err)
	}
	_, _, err = s.Claim(ctx, Claimant{Instance: "me", Incarnation: "1", TTL: time.Minute})
	note("claim", err)
	useLists(ctx, s, note)
	note("finish", s.Finish(ctx, "run", Result{Status: Failed}))
	note("cancel", second(s.Cancel(ctx, "run", "ann")))
	note("cancel wanted", second(s.CancelWanted(ctx, "run")))
	note("finished runs", s.EachFinished(ctx, "c", someTime, someTime, func(FinishedRun) {}))
	_, _, err = s.CountActive(ctx)
	note("count active", err)
	note("count ended", second(s.CountEnded(ctx, someTime)))
	note("prune runs", second(s.PruneRuns(ctx, someTime)))
	note("prune lines", second(s.PruneLogs(ctx, someTime.Add(time.Hour))))
	note("failing", second(s.FailingConnectors(ctx, 5)))
	_, _, err = s.Unscheduled(ctx, 1)
	note("unscheduled", err)
	_, _, err = s.Homeless(ctx, someTime, 1)
	note("homeless", err)
	note("software", second(s.Software(ctx)))
	note("forget", s.ForgetInstance(ctx, RoleEngine, "me", someTime))
	note("reload of one", s.RequestReloadOf(ctx, "ann", RoleEngine, "me"))
	note("record plugin", s.RecordPlugin(ctx, PluginState{Role: RoleEngine, Name: "me", Incarnation: "1"}))
	note("newest", second(s.NewestRun(ctx)))
	note("queued", second(s.QueuedRuns(ctx, 5)))
	note("runs after", second(s.RunsAfter(ctx, 3, 5)))
	note("runs by seq", second(s.RunsBySeq(ctx, []int64{1})))
	note("logs after", second(s.LogsAfter(ctx, map[string]int64{"run": 1}, 5)))
	note("list plugins", second(s.ListPluginStates(ctx)))
	note("orphans", second(s.InterruptOrphans(ctx, "me", "2")))
	note("list objects", second(s.ListObjects(ctx, "c", 0, 5, true)))
	note("count objects", second(s.CountObjects(ctx, "c", false)))
	note("list logs", second(s.ListLogs(ctx, "run", 0, 5)))
	note("register", s.Register(ctx, Instance{Role: RoleEngine, Name: "me", Started: someTime}))
	note("heartbeat", s.Heartbeat(ctx, RoleEngine, "me", "1"))
	note("unregister", s.Unregister(ctx, RoleEngine, "me", "1"))
	note("list instances", second(s.ListInstances(ctx)))
	note("request reload", s.RequestReload(ctx, "ann", RoleEngine, RoleAdminAPI))
	note("wanted reload", second(s.ReloadWanted(ctx, Instance{Role: RoleEngine, Name: "me"})))
	note("record reload", s.ReloadDone(ctx, Instance{Role: RoleEngine, Name: "me"}, 2, "wrong hash"))
	note("add token", second(s.AddToken(ctx, AdminToken{Name: "ann"}, TokenHash{})))
	note("find token", second(s.FindToken(ctx, TokenHash{})))
	note("list tokens", second(s.ListTokens(ctx)))
	note("use token", s.UseToken(ctx, "t", someTime))
	note("add session", second(s.AddSession(ctx, AdminSession{Name: "ann", TokenID: "t"}, TokenHash{}, someTime)))
	note("find session", second(s.FindSession(ctx, TokenHash{})))
	note("see session", s.SeeSession(ctx, TokenHash{}, someTime))
	note("delete session", s.DeleteSession(ctx, TokenHash{}))
	note("list sessions", second(s.ListSessions(ctx, SessionsOf{Kind: "token", Name: "ann"})))
	note("delete sessions", second(s.DeleteSessions(ctx, SessionsOf{})))
	note("delete token", s.DeleteToken(ctx, "ann"))
	note("count tokens", second(s.CountTokens(ctx)))
	note("save migration", s.SaveMigration(ctx, Migration{ID: "m", Started: someTime, Refs: []MigrationRef{{Ref: "secret://a"}}}))
	note("list migrations", second(s.ListMigrations(ctx, 5)))
	note("get migration", second(s.GetMigration(ctx, "m")))

	_, _, err = s.ObjectHistory(ctx, "c", 5, 0, 5)
	note("history", err)
	i, err := s.BeginImport(ctx, ImportConfig{Lease: lease, RunID: "run"})
	note("begin delta", err)
	if err == nil {
		note("stage delta", second(i.Stage(ctx, Batch{Objects: []identity.Object{{Anchor: "a"}, {Anchor: "b"}}})))
	}
	i, err = s.BeginImport(ctx, ImportConfig{Lease: lease, RunID: "run", Full: true})
	note("begin", err)
	if err == nil {
		note("stage", second(i.Stage(ctx, Batch{Objects: []identity.Object{{Anchor: "a"}, {Anchor: "b"}}, Gone: []string{"c"},
			Rejected: []connector.Rejection{{Anchor: "d"}}, Checkpoint: "w"})))
		note("complete", second(i.Complete(ctx, "w", true)))
	}
	return errs
}

func second[T any](_ T, err error) error { return err }

func TestAnInstanceOnSQLServerIsInsertedWhenItIsNew(t *testing.T) {
	s, server := onFake(func(text string) fakeserver.Answer {
		return fakeserver.Answer{Affected: int64(strings.Count(text, "INSERT"))}
	})
	if err := s.Register(t.Context(), Instance{Role: RoleEngine, Name: "me"}); err != nil || server.Count("INSERT INTO IM_EngineInstances") != 1 {
		t.Errorf("%v; sent %v", err, server.Sent())
	}
}

func TestADatabaseAtAnOldLevelIsRefusedWithTheWayOut(t *testing.T) {
	s, _ := onFake(func(string) fakeserver.Answer {
		return fakeserver.Answer{Err: mssql.Error{Number: 208, Message: "Invalid object name 'OPENJSON'."}}
	})
	if err := s.prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "COMPATIBILITY_LEVEL = 130") || !strings.Contains(err.Error(), "(208)") {
		t.Errorf("said %v", err)
	}
}

func TestTimesTravelAsTheColumnsHaveThem(t *testing.T) {
	s, server := onFake(reply)
	if err := s.Advance(t.Context(), "x", someTime, someTime.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := server.Sent()[1].Args[2]; got != civil.DateTimeOf(someTime) {
		t.Errorf("compared with a %T", got)
	}
}

func TestRowsForSQLServerTravelAsOneDocument(t *testing.T) {
	o := identity.Object{Anchor: `a"1`, Type: "user"}
	got := changesJSON([]change{{object: &o, hash: &identity.Hash{1, 0xab}, attributes: `{"x":["\""]}`}, {id: 7, object: &o, hash: &identity.Hash{}, attributes: "{}"}})
	want := `[{"i":0,"a":"a\"1","t":"user","h":"01ab` + strings.Repeat("0", 60) + `","j":"{\"x\":[\"\\\"\"]}"},` +
		`{"i":7,"a":"a\"1","t":"user","h":"` + strings.Repeat("0", 64) + `","j":"{}"}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBothDialectsHaveTheSameTablesAndColumns(t *testing.T) {
	lite, server := columns(t, "sqlite"), columns(t, "sqlserver")
	// The one column that only SQL Server needs.
	server = slices.DeleteFunc(server, func(c string) bool { return c == "IM_ManagementSpaceObjects.anchor_bytes" })
	if !slices.Equal(lite, server) || len(lite) < 80 {
		t.Errorf("SQLite has     %v\nSQL Server has %v", lite, server)
	}
}

var columnOrTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)|^    ([a-z_]+) +\w|^ALTER TABLE (\w+) ADD (?:COLUMN )?([a-z_]+)`)

func columns(t *testing.T, dialect string) (all []string) {
	files, err := fs.Glob(migrations, "migrations/"+dialect+"/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no migrations: ", err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		table := ""
		for _, m := range columnOrTable.FindAllStringSubmatch(string(text), -1) {
			if m[1] != "" {
				table = m[1]
				continue
			}
			all = append(all, cmp.Or(m[3], table)+"."+m[2]+m[4])
		}
	}
	slices.Sort(all)
	return all
}
