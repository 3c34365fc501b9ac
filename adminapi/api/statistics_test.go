package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/problem"
)

// history writes runs that ended into the history.
func (w *world) history(connector string, status string, finished time.Time, lasting time.Duration, added int) {
	w.t.Helper()
	d := w.store.DB()
	at := func(t time.Time) any { return d.Dialect.Time(t) }
	if _, err := d.Write.ExecContext(w.t.Context(), `INSERT INTO IM_RunHistory (id, connector_id, connector_name, connector_type, kind, trigger_name,
		requested_by, instance_name, instance_key, incarnation, status, queued, started, finished, added, updated, unchanged, absent, failed, pages,
		reason, error_text, watermark_before, watermark_after, trace_id, report)
		VALUES (hex(randomblob(16)), ?, 'n', 'ldap', 'full', 'manual', '', '', '', '', ?, ?, ?, ?, ?, 1, 0, 0, 0, 1, '', '', '', '', '', '')`,
		connector, status, at(finished), at(finished.Add(-lasting)), at(finished), added); err != nil {
		w.t.Fatal(err)
	}
}

func TestRunsAreCountedByHourAndByDay(t *testing.T) {
	w := newWorld(t)
	for n := range 100 {
		w.history("a", "Succeeded", now.Add(-30*time.Minute), time.Duration(n+1)*time.Second, 2)
	}
	w.history("a", "Failed", now.Add(-90*time.Minute), 7*time.Second, 0)
	w.history("b", "Interrupted", now.Add(-90*time.Minute), time.Hour, 1)
	w.history("b", "Cancelled", now.Add(-26*time.Hour), time.Hour, 0)
	var s api.RunStatistics
	w.send("GET", "/api/statistics/runs", "").is(t, http.StatusOK, &s)
	if len(s.Items) != 24 || s.Bucket != "hour" || !s.To.Equal(now) || !s.From.Equal(now.Add(-24*time.Hour)) {
		t.Fatalf("%d buckets from %s to %s", len(s.Items), s.From, s.To)
	}
	last, before := s.Items[23], s.Items[22]
	if last.Runs != (api.RunNumbers{Succeeded: 100}) || last.Objects != (api.ObjectCounts{Added: 200, Updated: 100}) ||
		*last.Duration != (api.Quantiles{P50: 50, P90: 90, P99: 99, Max: 100}) || !last.From.Equal(now.Add(-time.Hour)) {
		t.Errorf("the last hour %+v %+v", last, last.Duration)
	}
	if before.Runs != (api.RunNumbers{Failed: 1, Interrupted: 1}) || before.Duration.Max != 7 {
		t.Errorf("the hour before %+v %+v", before, before.Duration)
	}
	if s.Items[0].Duration != nil || s.Total.Runs != (api.RunNumbers{Succeeded: 100, Failed: 1, Interrupted: 1}) || s.Total.Duration.Max != 100 {
		t.Errorf("in all %+v", s.Total)
	}
	w.send("GET", "/api/statistics/runs?bucket=day&connectorId=b&from=2026-02-27T15:00:00Z", "").is(t, http.StatusOK, &s)
	if len(s.Items) != 3 || s.Items[1].Runs.Cancelled != 1 || s.Items[2].Runs.Interrupted != 1 || s.Total.Runs.Succeeded != 0 {
		t.Errorf("by day %+v", s.Items)
	}
	for _, wrong := range []string{"bucket=hour&from=2025-01-01T00:00:00Z", "from=2026-03-02T00:00:00Z", "from=2026-03-01T12:00:00Z"} {
		if p := w.send("GET", "/api/statistics/runs?"+wrong, "").problem(t, http.StatusUnprocessableEntity, "invalid-input"); paths(p) != "query:from" {
			t.Errorf("%s: %+v", wrong, p)
		}
	}
}

func TestTimesThatCannotBeWrittenAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, to := range []string{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59-10:00", "0000-01-01T00:00:00Z"} {
		w.send("GET", "/api/statistics/runs?bucket=day&to="+to, "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
	}
	for _, path := range []string{"/api/statistics/runs?to=", "/api/runs?from=", "/api/secrets?expiresBefore="} {
		p := w.send("GET", path+"yesterday", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
		if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "such as 2027-01-31T00:00:00Z") {
			t.Errorf("%s: %+v", path, p.Errors)
		}
	}
	const late = `"9999-12-31T23:59:59-10:00"`
	for _, p := range []problem.Problem{
		w.send("POST", "/api/tokens", `{"name":"x","role":"Viewer","expires":`+late+`}`).problem(t, http.StatusUnprocessableEntity, "invalid-input"),
		w.send("PUT", "/api/secrets", `{"ref":"secret://a","value":"x","expires":`+late+`}`).problem(t, http.StatusUnprocessableEntity, "invalid-input"),
	} {
		if paths(p) != "expires" {
			t.Errorf("%+v", p)
		}
	}
}

func TestTheDurationsOfAConnectorsImportsAreListed(t *testing.T) {
	w := newWorld(t)
	w.history("a", "Succeeded", now.Add(-time.Hour), 3*time.Second, 1)
	w.history("a", "Failed", now.Add(-time.Minute), 5*time.Second, 0)
	w.history("b", "Failed", now.Add(-time.Minute), 9*time.Second, 0)
	var list struct{ Items []api.RunDuration }
	w.send("GET", "/api/statistics/durations?connectorId=a", "").is(t, http.StatusOK, &list)
	if len(list.Items) != 2 || list.Items[0].Seconds != 5 || list.Items[0].Status != "Failed" || list.Items[1].Counts.Added != 1 {
		t.Errorf("%+v", list.Items)
	}
	w.send("GET", "/api/statistics/durations", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
}
