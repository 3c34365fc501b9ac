package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
)

type runList struct {
	Items []api.Run
	Next  string
}

func TestARunIsQueuedOnceListedReadAndCancelled(t *testing.T) {
	w := newWorld(t)
	c, other := w.connector("A"), w.connector("B")
	ask := func(id, kind string) string { return `{"connectorId":"` + id + `","kind":"` + kind + `"}` }
	var first, again, delta, foreign api.Run
	a := w.send("POST", "/api/runs", ask(c.ID, "full")).is(t, http.StatusAccepted, &first)
	if a.Header.Get("Location") != "/api/runs/"+first.ID || first.RequestedBy != "administrator" || first.Status != "Queued" {
		t.Errorf("%v %s", a.Header, a.body)
	}
	if w.send("POST", "/api/runs", ask(c.ID, "full")).is(t, http.StatusAccepted, &again); again.ID != first.ID {
		t.Error("the same was queued twice")
	}
	w.send("POST", "/api/runs", ask(c.ID, "delta")).is(t, http.StatusAccepted, &delta)
	w.send("POST", "/api/runs", ask(other.ID, "full")).is(t, http.StatusAccepted, &foreign)

	var list runList
	w.send("GET", "/api/runs?limit=1&connectorId="+c.ID, "").is(t, http.StatusOK, &list)
	if len(list.Items) != 1 || list.Items[0].ID != delta.ID || list.Next == "" {
		t.Errorf("first page %+v", list)
	}
	w.send("GET", "/api/runs?limit=1&connectorId="+c.ID+"&cursor="+list.Next, "").is(t, http.StatusOK, &list)
	if len(list.Items) != 1 || list.Items[0].ID != first.ID {
		t.Errorf("second page %+v", list)
	}
	var cancelled api.Run
	if w.send("POST", "/api/runs/"+first.ID+"/cancel", "").is(t, http.StatusOK, &cancelled); cancelled.Status != "Cancelled" || !strings.Contains(cancelled.Error, "administrator") {
		t.Errorf("cancelled %+v", cancelled)
	}
	w.send("POST", "/api/runs/"+first.ID+"/cancel", "").problem(t, http.StatusConflict, "run-ended")
	if w.send("GET", "/api/runs?status=Cancelled", "").is(t, http.StatusOK, &list); len(list.Items) != 1 {
		t.Errorf("by status %+v", list)
	}
	for _, path := range []string{"/api/runs/none", "/api/runs/none/logs"} {
		w.send("GET", path, "").problem(t, http.StatusNotFound, "run-not-found")
	}
	w.send("POST", "/api/runs/none/cancel", "").problem(t, http.StatusNotFound, "run-not-found")
}

func TestTheEngineIsAskedToEndARunUnderWay(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	var asked api.Run
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"full"}`).is(t, http.StatusAccepted, &asked)
	claimed, ok, err := w.store.Claim(t.Context(), store.Claimant{Instance: "one", Incarnation: "1", TTL: time.Minute})
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	w.send("POST", "/api/runs/"+asked.ID+"/cancel", "").is(t, http.StatusAccepted, &asked)
	if asked.Status != "Running" || asked.CancelRequestedBy != "administrator" {
		t.Errorf("%+v", asked)
	}
	if by, err := w.store.CancelWanted(t.Context(), claimed.Run.ID); by != "administrator" || err != nil {
		t.Errorf("the engine sees %q, %v", by, err)
	}
}

func TestARunThatCannotBeIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	off := strings.Replace(input("A"), `"type"`, `"enabled":false,"type"`, 1)
	w.send("PUT", "/api/connectors/"+c.ID, off, "If-Match", "*").is(t, http.StatusOK, nil)
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"full"}`).problem(t, http.StatusConflict, "connector-disabled")
	w.send("POST", "/api/runs", `{"connectorId":"none","kind":"full"}`).problem(t, http.StatusNotFound, "connector-not-found")
	p := w.send("POST", "/api/runs", `{"kind":"test","extra":1}`).problem(t, http.StatusUnprocessableEntity, "invalid-input")
	if got := paths(p); !strings.Contains(got, "kind") || !strings.Contains(got, "connectorId") || !strings.Contains(got, "extra") {
		t.Errorf("problems of %s", got)
	}
	p = w.send("GET", "/api/runs?status=Odd&limit=0&colour=red", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
	if !strings.Contains(paths(p), "query:colour") {
		t.Errorf("problems of %s", paths(p))
	}
}

func TestATestOfAConnectorAnswersWithWhatTheEngineFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		result store.Result
		check  func(api.Run) bool
	}{
		{"its report", store.Result{Status: store.Succeeded, Report: &connector.Report{Server: "slapd", Sample: 3}},
			func(r api.Run) bool { return r.Status == "Succeeded" && r.Report != nil && r.Report.Server == "slapd" }},
		{"the directory's own words", store.Result{Status: store.Failed, Reason: "CONNECTED_SYSTEM", Error: "49 invalid credentials"},
			func(r api.Run) bool {
				return r.Status == "Failed" && r.Error == "49 invalid credentials" && r.Report == nil
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			con := w.connector("A")
			who := w.engine("north")
			done := make(chan error, 1)
			go func() {
				for {
					claimed, ok, err := w.store.Claim(t.Context(), who)
					if err == nil && !ok {
						time.Sleep(5 * time.Millisecond)
						continue
					}
					if err == nil {
						err = w.store.Finish(t.Context(), claimed.Run.ID, c.result)
					}
					done <- err
					return
				}
			}()
			var run api.Run
			w.send("POST", "/api/connectors/"+con.ID+"/test", "").is(t, http.StatusOK, &run)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if run.Kind != "test" || !c.check(run) {
				t.Errorf("the answer is %+v", run)
			}
		})
	}
}

func TestATestThatTakesLongIsLeftToItsRun(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	w.engine("north")
	var run api.Run
	a := w.send("POST", "/api/connectors/"+c.ID+"/test", "").is(t, http.StatusAccepted, &run)
	if a.Header.Get("Location") != "/api/runs/"+run.ID || run.Status != "Queued" {
		t.Errorf("%v %+v", a.Header, run)
	}
}

func TestATestWithoutAnEngineIsRefusedAtOnce(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	w.send("POST", "/api/connectors/"+c.ID+"/test", "").problem(t, http.StatusServiceUnavailable, "no-engine")
	w.engine("south")
	bound := strings.Replace(input("A"), `"type"`, `"instanceName":"north","type"`, 1)
	w.send("PUT", "/api/connectors/"+c.ID, bound, "If-Match", "*").is(t, http.StatusOK, nil)
	if p := w.send("POST", "/api/connectors/"+c.ID+"/test", "").problem(t, http.StatusServiceUnavailable, "no-engine"); !strings.Contains(p.Detail, "north") {
		t.Errorf("the detail does not name the engine: %s", p.Detail)
	}
	w.send("POST", "/api/connectors/none/test", "").problem(t, http.StatusNotFound, "connector-not-found")
	var list runList
	if w.send("GET", "/api/runs", "").is(t, http.StatusOK, &list); len(list.Items) != 0 {
		t.Errorf("queued all the same: %+v", list)
	}
}

func TestASchedule(t *testing.T) {
	w := newWorld(t)
	c, other := w.connector("A"), w.connector("B")
	all := "/api/connectors/" + c.ID + "/schedules"
	var s api.Schedule
	a := w.send("POST", all, `{"kind":"delta","intervalSeconds":900}`).is(t, http.StatusCreated, &s)
	one := all + "/" + s.ID
	if a.Header.Get("Location") != one || a.Header.Get("ETag") != `"1"` || !s.NextDue.Equal(now.Add(15*time.Minute)) || !s.Enabled {
		t.Errorf("created: %v %s", a.Header, a.body)
	}
	w.send("PUT", one, `{"kind":"full","cron":"30 2 * * *"}`, "If-Match", `"7"`).problem(t, http.StatusPreconditionFailed, "changed-meanwhile")
	w.send("PUT", one, `{"kind":"full","cron":"30 2 * * *"}`).problem(t, http.StatusPreconditionRequired, "precondition-required")
	s = api.Schedule{}
	w.send("PUT", one, `{"kind":"full","cron":"30 2 * * *","enabled":false}`, "If-Match", `"1"`).is(t, http.StatusOK, &s)
	if s.IntervalSeconds != 0 || s.Enabled || !s.NextDue.Equal(time.Date(2026, 3, 2, 2, 30, 0, 0, time.UTC)) {
		t.Errorf("replaced: %+v", s)
	}
	for _, path := range []string{all, "/api/schedules"} {
		var list struct{ Items []api.ListedSchedule }
		if w.send("GET", path, "").is(t, http.StatusOK, &list); len(list.Items) != 1 || list.Items[0].ID != s.ID || list.Items[0].ConnectorName == "" {
			t.Errorf("%s: %+v", path, list)
		}
	}
	foreign := "/api/connectors/" + other.ID + "/schedules/" + s.ID
	for _, method := range []string{"GET", "DELETE"} {
		w.send(method, foreign, "").problem(t, http.StatusNotFound, "schedule-not-found")
	}
	w.send("GET", one, "").is(t, http.StatusOK, nil)
	w.send("DELETE", one, "").is(t, http.StatusNoContent, nil)
	w.send("GET", one, "").problem(t, http.StatusNotFound, "schedule-not-found")
	w.send("GET", "/api/connectors/none/schedules", "").problem(t, http.StatusNotFound, "connector-not-found")
	w.send("POST", "/api/connectors/none/schedules", `{"kind":"full","cron":"@daily"}`).problem(t, http.StatusNotFound, "connector-not-found")
	for body, want := range map[string]string{
		`{"kind":"test","intervalSeconds":5}`:                      "kind intervalSeconds",
		`{"kind":"full"}`:                                          "intervalSeconds",
		`{"kind":"full","intervalSeconds":900,"cron":"@daily"}`:    "cron",
		`{"kind":"full","cron":"every day","enabled":1,"extra":1}`: "enabled extra",
		`{"kind":"full","intervalSeconds":9223372036854775807}`:    "intervalSeconds",
		`{"kind":"full","cron":"61 * * * *"}`:                      "cron",
	} {
		p := w.send("POST", all, body).problem(t, http.StatusUnprocessableEntity, "invalid-input")
		for _, path := range strings.Fields(want) {
			if !strings.Contains(paths(p), path) {
				t.Errorf("%s: nothing about %s, only about %s", body, path, paths(p))
			}
		}
	}
}
