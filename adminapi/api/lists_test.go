package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
)

// read lets a connector import objects.
func (w *world) read(c api.Connector, objects ...identity.Object) store.Claimed {
	w.t.Helper()
	ctx := w.t.Context()
	if _, _, err := w.store.Enqueue(ctx, store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual}); err != nil {
		w.t.Fatal(err)
	}
	claimed, ok, err := w.store.Claim(ctx, w.engine("north"))
	if err != nil || !ok {
		w.t.Fatal("claim: ", ok, err)
	}
	imp, err := w.store.BeginImport(ctx, store.ImportConfig{Lease: claimed.Lease, RunID: claimed.Run.ID, Full: true})
	if err == nil {
		_, err = imp.Stage(ctx, store.Batch{Objects: objects})
	}
	if err == nil {
		_, err = imp.Complete(ctx, "mark", true)
	}
	if err == nil {
		err = w.store.ReleaseLease(ctx, claimed.Lease)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return claimed
}

func person(anchor, name string) identity.Object {
	return identity.Object{Anchor: anchor, Type: "user", Attributes: []identity.Attribute{{Name: "displayName", Values: []string{name}}}}
}

func TestACursorBelongsToItsQuery(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		w.connector(fmt.Sprint("C", n))
	}
	var list struct {
		Items []api.ListedConnector
		Next  string
		Total *int64
	}
	w.send("GET", "/api/connectors?limit=2&q=c&total=true", "").is(t, http.StatusOK, &list)
	if len(list.Items) != 2 || list.Next == "" || list.Total == nil || *list.Total != 3 || list.Items[0].State.Status != "Never" {
		t.Fatalf("%+v", list)
	}
	cursor := "&limit=2&cursor=" + list.Next
	for _, query := range []string{"/api/connectors?q=d", "/api/connectors?q=c&sort=-name", "/api/connectors?q=c&type=ldap", "/api/runs?q=c", "/api/schedules?q=c", "/api/objects?q=c", "/api/audit?action=c"} {
		query = strings.Replace(query, "/api/runs?q=c", "/api/runs?kind=full", 1)
		p := w.send("GET", query+cursor, "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
		if paths(p) != "query:cursor" || !strings.Contains(p.Errors[0].Message, "another list, order or filter") {
			t.Errorf("%s: %+v", query, p.Errors)
		}
	}
	list.Next = ""
	if w.send("GET", "/api/connectors?q=c"+cursor, "").is(t, http.StatusOK, &list); len(list.Items) != 1 || list.Next != "" {
		t.Errorf("second page %+v", list)
	}
	for _, forged := range []string{"x", "e30", "eyJxIjoiIn0", "_"} {
		if p := w.send("GET", "/api/connectors?cursor="+forged, "").problem(t, http.StatusUnprocessableEntity, "invalid-input"); paths(p) != "query:cursor" {
			t.Errorf("%s: %s", forged, paths(p))
		}
	}
	w.send("GET", "/api/connectors?sort=config", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
}

func TestTheListOfConnectorsShowsHowTheirRunsGo(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	w.send("POST", "/api/connectors/"+c.ID+"/schedules", `{"kind":"delta","intervalSeconds":900}`).is(t, http.StatusCreated, nil)
	state := func() api.ConnectorState {
		var list struct{ Items []api.ListedConnector }
		w.send("GET", "/api/connectors", "").is(t, http.StatusOK, &list)
		var one api.ConnectorDetail
		w.send("GET", "/api/connectors/"+c.ID, "").is(t, http.StatusOK, &one)
		if got, want := fmt.Sprintf("%+v", one.State.ConnectorState.Trend), fmt.Sprintf("%+v", list.Items[0].State.Trend); got != want || one.State.Status != list.Items[0].State.Status {
			t.Errorf("one shows %+v and the list %+v", one.State, list.Items[0].State)
		}
		return list.Items[0].State
	}
	if s := state(); s.Status != "Never" || s.LastRun != nil || s.NextRun.IsZero() || len(s.Trend) != 0 {
		t.Errorf("at first %+v", s)
	}
	done := w.read(c, person("1", "Anna"))
	if s := state(); s.Status != "Succeeded" || s.LastRun.ID != done.Run.ID || s.LastRun.Counts.Added != 1 || len(s.Trend) != 1 || s.Trend[0].Status != "Succeeded" {
		t.Errorf("after an import %+v", s)
	}
	w.engine("north")
	w.send("POST", "/api/connectors/"+c.ID+"/test", "").is(t, http.StatusAccepted, nil)
	if s := state(); s.LastRun.ID != done.Run.ID {
		t.Errorf("a test counts as an import: %+v", s)
	}
	var run api.Run
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"full"}`).is(t, http.StatusAccepted, &run)
	if s := state(); s.Status != "Queued" || len(s.Trend) != 1 {
		t.Errorf("queued: %+v", s)
	}
	w.send("POST", "/api/runs/"+run.ID+"/cancel", "").is(t, http.StatusOK, nil)
	if s := state(); s.Status != "Cancelled" || len(s.Trend) != 2 || s.Trend[1].Status != "Cancelled" {
		t.Errorf("cancelled: %+v", s)
	}
	off := strings.Replace(input("A"), `"type"`, `"enabled":false,"type"`, 1)
	w.send("PUT", "/api/connectors/"+c.ID, off, "If-Match", "*").is(t, http.StatusOK, nil)
	if s := state(); !s.NextRun.IsZero() {
		t.Errorf("switched off, it is next due at %s", s.NextRun)
	}
}

func TestObjectsAreFoundAcrossConnectorsByAnyValue(t *testing.T) {
	w := newWorld(t)
	a, b := w.connector("A"), w.connector("B")
	w.read(a, person("1", "Anna Ödegård"), person("2", `Ben "the" 50%`), identity.Object{Anchor: "CN=Team", Type: "group"})
	w.read(b, person("9", "Anna Klein"))
	w.read(b, person("8", "Carl")) // and 9 is gone
	for query, want := range map[string]string{
		"":                           "1 2 CN=Team 9 8",
		"sort=-firstSeen":            "8 9 CN=Team 2 1",
		"sort=-firstSeen&limit=2":    "8 9 CN=Team 2 1",
		"limit=1":                    "1 2 CN=Team 9 8",
		"q=anna":                     "1 9",
		"q=ANNA&limit=1":             "1 9",
		"q=%C3%96DEG":                "1",
		`q=%22the%22`:                "2",
		"q=0%25":                     "2",
		"q=displayname":              "",
		"q=cn%3Dteam":                "CN=Team",
		"connectorId=" + b.ID:        "9 8",
		"present=false":              "9",
		"present=true&type=user":     "1 2 8",
		"type=group":                 "CN=Team",
		"q=anna&connectorId=" + a.ID: "1",
	} {
		var got []string
		for next := ""; ; {
			var list struct {
				Items []api.ImportedObject
				Next  string
			}
			w.send("GET", "/api/objects?"+query+"&cursor="+next, "").is(t, http.StatusOK, &list)
			for _, o := range list.Items {
				got = append(got, o.Anchor)
				var one api.ImportedObject
				w.send("GET", "/api/objects/"+strconv.FormatInt(o.ID, 10), "").is(t, http.StatusOK, &one)
				if one.Anchor != o.Anchor || one.ConnectorID == "" || one.Connector == "" || one.Name == "" || one.Name != o.Name {
					t.Errorf("one is %+v, listed %+v", one, o)
				}
			}
			if next = list.Next; next == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v instead of %s", query, got, want)
		}
	}
	var gone struct{ Items []api.ImportedObject }
	w.send("GET", "/api/objects?present=false", "").is(t, http.StatusOK, &gone)
	var changes []string
	for next := ""; ; {
		var history struct {
			Items []api.ObjectChange
			Next  string
			Cut   bool
		}
		w.send("GET", fmt.Sprintf("/api/objects/%d/history?limit=1&cursor=%s", gone.Items[0].ID, next), "").is(t, http.StatusOK, &history)
		for _, c := range history.Items {
			changes = append(changes, c.Change)
			if c.RunID == "" || c.Seq == 0 || !c.Time.Equal(now) || history.Cut {
				t.Errorf("%+v, cut %v", c, history.Cut)
			}
		}
		if next = history.Next; next == "" {
			break
		}
	}
	if strings.Join(changes, " ") != "absent added" {
		t.Errorf("history %v", changes)
	}
	w.send("GET", "/api/objects/77", "").problem(t, http.StatusNotFound, "object-not-found")
	w.send("GET", "/api/objects/77/history", "").problem(t, http.StatusNotFound, "object-not-found")
}

func TestLinesOfARunAreFilteredByLevel(t *testing.T) {
	w := newWorld(t)
	done := w.read(w.connector("A"), person("1", "Anna"), identity.Object{Anchor: strings.Repeat("x", 2000), Type: "user"})
	for level, want := range map[string]int{"": 1, "Error": 1, "Warning": 0} {
		var logs struct{ Items []api.Log }
		w.send("GET", "/api/runs/"+done.Run.ID+"/logs?sort=-logged&level="+url.QueryEscape(level), "").is(t, http.StatusOK, &logs)
		if len(logs.Items) != want {
			t.Errorf("%q: %d lines", level, len(logs.Items))
		}
	}
}

func TestADeletionWithIfMatchIsOfThatVersionOnly(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	var s api.Schedule
	w.send("POST", "/api/connectors/"+c.ID+"/schedules", `{"kind":"full","cron":"@daily"}`).is(t, http.StatusCreated, &s)
	for _, path := range []string{"/api/connectors/" + c.ID + "/schedules/" + s.ID, "/api/connectors/" + c.ID} {
		w.send("DELETE", path, "", "If-Match", `"7"`).problem(t, http.StatusPreconditionFailed, "changed-meanwhile")
		w.send("DELETE", path, "", "If-Match", `"1"`).is(t, http.StatusNoContent, nil)
	}
}
