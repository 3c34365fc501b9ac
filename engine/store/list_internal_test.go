package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func onSQLite(t *testing.T) *Store {
	t.Helper()
	now := someTime
	s, err := Open(t.Context(), Config{DB: productdb.Config{DataFolder: t.TempDir()}, Now: func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// plan returns how SQLite carries out a page of a list.
func plan[T any](t *testing.T, s *Store, l listing[T], w where, p Paging) string {
	t.Helper()
	statement, err := l.statement(s.db.Dialect, &w, p)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	err = s.query(t.Context(), s.db.Read, "explain", func(rows *sql.Rows) error {
		var id, parent, unused int
		var detail string
		err := rows.Scan(&id, &parent, &unused, &detail)
		steps = append(steps, detail)
		return err
	}, "EXPLAIN QUERY PLAN "+statement, w.args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return strings.Join(steps, "; ")
}

// A page that sorts, or goes through all that comes before it, would only be noticed
// with 100,000 connectors or a million runs.
func TestPagesAreReadThroughAnIndexFromWhereTheyBegin(t *testing.T) {
	s := onSQLite(t)
	yes := true
	text, number, then := &Mark{Key: "a", ID: "b"}, &Mark{Key: "5", ID: "5"}, &Mark{Key: momentKey(someTime), ID: "b"}
	connectors := func(f ConnectorFilter, sort string, after *Mark) string {
		return plan(t, s, connectorList, f.where(), Paging{Sort: sort, After: after, Limit: 50})
	}
	runs := func(f RunFilter, sort string) string {
		return plan(t, s, runList, s.runsWhere(f, field(runList.own, sort)), Paging{Sort: sort, After: number, Limit: 50})
	}
	schedules := func(f ScheduleFilter, sort string, after *Mark) string {
		return plan(t, s, scheduleList, f.where(), Paging{Sort: sort, After: after, Limit: 50})
	}
	for name, c := range map[string]struct{ got, want string }{
		"connectors by name":        {connectors(ConnectorFilter{}, "", text), "sqlite_autoindex_IM_Connectors_2 (name_key>?)"},
		"connectors by name, back":  {connectors(ConnectorFilter{}, "-name", text), "sqlite_autoindex_IM_Connectors_2 (name_key<?)"},
		"connectors by type":        {connectors(ConnectorFilter{}, "type", text), "IX_IM_Connectors_Type ((type,name_key)>(?,?))"},
		"connectors by status":      {connectors(ConnectorFilter{}, "-status", text), "IX_IM_Connectors_RunStatus ((run_status,name_key)<(?,?))"},
		"connectors by last run":    {connectors(ConnectorFilter{}, "-lastRun", then), "IX_IM_Connectors_RunAt ((run_at,name_key)<(?,?))"},
		"connectors by next run":    {connectors(ConnectorFilter{}, "nextRun", then), "IX_IM_Connectors_NextDue ((next_due,name_key)>(?,?))"},
		"connectors of a type":      {connectors(ConnectorFilter{Type: "ldap"}, "", text), "IX_IM_Connectors_Type (type=? AND name_key>?)"},
		"connectors that failed":    {connectors(ConnectorFilter{Status: Failed}, "", text), "IX_IM_Connectors_RunStatus (run_status=? AND name_key>?)"},
		"connectors of an instance": {connectors(ConnectorFilter{Instance: "x"}, "", text), "IX_IM_Connectors_Instance (instance_key=? AND name_key>?)"},
		"connectors that may run":   {connectors(ConnectorFilter{Enabled: &yes}, "", text), "IX_IM_Connectors_Enabled (enabled=? AND name_key>?)"},
		"their last runs":           {connectors(ConnectorFilter{}, "", text), "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"},
		"runs":                      {runs(RunFilter{}, ""), "INTEGER PRIMARY KEY (rowid<?)"},
		"runs, the oldest first":    {runs(RunFilter{}, "queued"), "INTEGER PRIMARY KEY (rowid>?)"},
		"runs by duration":          {runs(RunFilter{}, "-duration"), "IX_IM_RunHistory_Duration (duration_ms>? AND duration_ms<?)"},
		"runs of a connector":       {runs(RunFilter{ConnectorID: "c"}, ""), "IX_IM_RunHistory_Connector (connector_id=? AND seq<?)"},
		"runs in a state":           {runs(RunFilter{Status: Failed}, ""), "IX_IM_RunHistory_Status (status=? AND seq<?)"},
		"a connector's runs in one": {runs(RunFilter{ConnectorID: "c", Status: Failed}, ""), "IX_IM_RunHistory_Work (connector_id=? AND status=? AND seq<?)"},
		"runs for a reason":         {runs(RunFilter{Reason: "X"}, ""), "IX_IM_RunHistory_Reason (reason=? AND seq<?)"},
		"runs of a kind":            {runs(RunFilter{Kind: Test}, ""), "IX_IM_RunHistory_Kind (kind=? AND seq<?)"},
		"runs somebody asked for":   {runs(RunFilter{Trigger: Manual}, ""), "IX_IM_RunHistory_Trigger (trigger_name=? AND seq<?)"},
		"few among most":            {runs(RunFilter{Status: Succeeded, Trigger: Manual, Kind: Delta}, ""), "IX_IM_RunHistory_Trigger (trigger_name=? AND seq<?)"},
		"failures among manual":     {runs(RunFilter{Status: Failed, Trigger: Manual, Kind: Test}, ""), "IX_IM_RunHistory_Status (status=? AND seq<?)"},
		"a connector's tests":       {runs(RunFilter{ConnectorID: "c", Trigger: Manual, Kind: Test}, ""), "IX_IM_RunHistory_Connector (connector_id=? AND seq<?)"},
		"a connector's good runs":   {runs(RunFilter{ConnectorID: "c", Status: Succeeded}, ""), "IX_IM_RunHistory_Work (connector_id=? AND status=? AND seq<?)"},
		"full runs by operators":    {runs(RunFilter{Kind: Full, Trigger: Manual}, ""), "IX_IM_RunHistory_Trigger (trigger_name=? AND seq<?)"},
		"tests by schedules":        {runs(RunFilter{Kind: Test, Trigger: BySchedule}, ""), "IX_IM_RunHistory_Kind (kind=? AND seq<?)"},
		"those that succeeded":      {runs(RunFilter{Status: Succeeded}, ""), "INTEGER PRIMARY KEY (rowid<?)"},
		"failures by duration":      {runs(RunFilter{Status: Failed}, "-duration"), "IX_IM_RunHistory_StatusDuration (status=?"},
		"runs of an instance":       {runs(RunFilter{Instance: "x"}, ""), "IX_IM_RunHistory_Instance (instance_key=? AND seq<?)"},
		"schedules":                 {schedules(ScheduleFilter{}, "", then), "IX_IM_Schedules_Due ((next_due,id)>(?,?))"},
		"schedules of a connector":  {schedules(ScheduleFilter{ConnectorID: "c"}, "", then), "IX_IM_Schedules_Connector (connector_id=?"},
		"lines of a run":            {plan(t, s, logList, logsWhere("r", ""), Paging{After: number, Limit: 5}), "IX_IM_ConnectorLogs_Run (run_id=? AND id>?)"},
	} {
		if !strings.Contains(c.got, c.want) || strings.Contains(c.got, "TEMP B-TREE FOR ORDER") {
			t.Errorf("%s are read by %s\nand not by %s", name, c.got, c.want)
		}
	}
	long := s.runsWhere(RunFilter{From: someTime, To: someTime.Add(1000 * time.Hour)}, "duration")
	if got := plan(t, s, runList, long, Paging{Sort: "-duration", Limit: 50}); !strings.Contains(got, "IX_IM_RunHistory_Duration (duration_ms>?") || strings.Contains(got, "TEMP B-TREE FOR ORDER") {
		t.Errorf("a long time's runs by duration are read by %s", got)
	}
	from := runs(RunFilter{From: someTime, To: someTime.Add(time.Hour)}, "")
	if !strings.Contains(from, "IX_IM_RunHistory_Queued (queued>?)") || !strings.Contains(from, "IX_IM_RunHistory_Queued (queued<?)") ||
		!strings.Contains(from, "rowid") || strings.Contains(from, "TEMP B-TREE") {
		t.Errorf("runs of a time are read by %s", from)
	}
}

// pages reads a list page by page, as keys.
func pages[T any](t *testing.T, limit int, sort string, read func(Paging) ([]T, *Mark, error), key func(T) string) (all []string) {
	t.Helper()
	for p := (Paging{Sort: sort, Limit: limit}); ; {
		list, next, err := read(p)
		if err != nil || len(list) > limit {
			t.Fatalf("%s: %d rows, %v", sort, len(list), err)
		}
		for _, x := range list {
			all = append(all, key(x))
		}
		if next == nil {
			return all
		}
		// As through a cursor.
		text, _ := json.Marshal(next)
		p.After = &Mark{}
		if err := json.Unmarshal(text, p.After); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPagesOfEverySizeHaveEachRowOnceInOrder(t *testing.T) {
	s := onSQLite(t)
	ctx := t.Context()
	for n := range 12 {
		c, err := s.CreateConnector(ctx, Connector{Name: fmt.Sprintf("Ä%02d_%%", (n*7)%12), Type: []string{"ldap", "sql"}[n%2], Config: json.RawMessage("{}"), Enabled: n%3 != 0})
		if err != nil {
			t.Fatal(err)
		}
		if n%4 != 0 && c.Enabled {
			if _, err := s.CreateSchedule(ctx, Schedule{ConnectorID: c.ID, Kind: Full, Interval: time.Minute, Enabled: true, NextDue: someTime.Add(time.Duration(n%2) * time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		if n%5 == 0 || !c.Enabled {
			continue
		}
		for range 2 {
			r, _, err := s.Enqueue(ctx, NewRun{ConnectorID: c.ID, Kind: Full, Trigger: Manual})
			if err != nil {
				t.Fatal(err)
			}
			claimed, ok, err := s.Claim(ctx, Claimant{Instance: "me", Incarnation: "1", TTL: time.Minute})
			if err != nil || !ok || claimed.Run.ID != r.ID {
				t.Fatal(err)
			}
			if err := s.Finish(ctx, r.ID, Result{Status: Failed, Reason: "X", Error: "why"}); err != nil {
				t.Fatal(err)
			}
			if err := s.ReleaseLease(ctx, claimed.Lease); err != nil {
				t.Fatal(err)
			}
		}
	}
	connectors := func(f ConnectorFilter) func(Paging) ([]ListedConnector, *Mark, error) {
		return func(p Paging) ([]ListedConnector, *Mark, error) { return s.PageConnectors(ctx, f, p) }
	}
	name := func(c ListedConnector) string { return c.Name }
	for _, sort := range []string{"", "-name", "type", "-type", "status", "-status", "lastRun", "-lastRun", "nextRun", "-nextRun"} {
		whole := pages(t, 100, sort, connectors(ConnectorFilter{}), name)
		if len(whole) != 12 || len(slices.Compact(slices.Sorted(slices.Values(whole)))) != 12 {
			t.Errorf("%s: %v", sort, whole)
		}
		for limit := 1; limit <= 13; limit++ {
			if got := pages(t, limit, sort, connectors(ConnectorFilter{}), name); !slices.Equal(got, whole) {
				t.Errorf("%s in pages of %d: %v instead of %v", sort, limit, got, whole)
			}
		}
		if forth, isBack := strings.CutPrefix(sort, "-"); isBack {
			slices.Reverse(whole)
			if got := pages(t, 5, forth, connectors(ConnectorFilter{}), name); !slices.Equal(got, whole) {
				t.Errorf("%s is not the other way round: %v, %v", sort, got, whole)
			}
		}
	}
	list, _, err := s.PageConnectors(ctx, ConnectorFilter{Status: Failed}, Paging{Sort: "-lastRun", Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	c := list[0]
	if c.Last.Status != Failed || c.Last.Reason != "X" || c.Last.Error != "why" || len(c.Trend) != 2 || c.Trend[0].Status != Failed || c.Trend[0].Duration <= 0 {
		t.Errorf("listed %+v", c)
	}
	yes, no := true, false
	for want, f := range map[int64]ConnectorFilter{
		12: {}, 6: {Type: "sql"}, 1: {Q: "ä03_%"}, 0: {Q: "ä03%_"}, 8: {Enabled: &yes}, 4: {Enabled: &no}, 5: {Status: NeverRan},
	} {
		n, err := s.CountConnectors(ctx, f)
		if got := pages(t, 3, "", connectors(f), name); err != nil || n != want && want != 5 || len(got) != int(n) {
			t.Errorf("%+v: %d, %v, listed %v", f, n, err, got)
		}
	}
	run := func(r Run) string { return r.ID }
	runs := func(f RunFilter) func(Paging) ([]Run, *Mark, error) {
		return func(p Paging) ([]Run, *Mark, error) { return s.PageRuns(ctx, f, p) }
	}
	for _, sort := range []string{"", "queued", "duration", "-duration"} {
		whole := pages(t, 100, sort, runs(RunFilter{}), run)
		if got := pages(t, 3, sort, runs(RunFilter{}), run); len(whole) < 10 || !slices.Equal(got, whole) {
			t.Errorf("runs by %s: %v instead of %v", sort, got, whole)
		}
	}
	all, _, _ := s.PageRuns(ctx, RunFilter{}, Paging{Sort: "queued", Limit: 100})
	f := RunFilter{From: all[2].Queued, To: all[5].Queued}
	if got := pages(t, 2, "queued", runs(f), run); !slices.Equal(got, []string{all[2].ID, all[3].ID, all[4].ID}) {
		t.Errorf("of a time: %v", got)
	}
	if _, _, err := s.PageRuns(ctx, RunFilter{}, Paging{Limit: 5, After: &Mark{Key: "x", ID: "y"}}); err != ErrMark {
		t.Errorf("a mark of another kind: %v", err)
	}
	schedule := func(x ListedSchedule) string { return x.ID }
	for _, sort := range []string{"", "connector", "-connector"} {
		read := func(p Paging) ([]ListedSchedule, *Mark, error) { return s.PageSchedules(ctx, ScheduleFilter{}, p) }
		if whole, got := pages(t, 100, sort, read, schedule), pages(t, 2, sort, read, schedule); len(whole) < 4 || !slices.Equal(got, whole) {
			t.Errorf("schedules by %s: %v instead of %v", sort, got, whole)
		}
	}
}
