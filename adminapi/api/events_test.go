package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
)

// event is one that a stream brought; a comment has only data.
type event struct{ name, id, data string }

func (e event) run(t *testing.T) (r api.Run) {
	t.Helper()
	if e.name != "run" {
		t.Fatalf("got %+v instead of a run", e)
	}
	if err := json.Unmarshal([]byte(e.data), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// opened is a stream of events.
type opened struct {
	t      *testing.T
	events chan event
	leave  func()
	*http.Response
}

func (w *world) open(path string, header ...string) *opened {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.t.Context())
	w.t.Cleanup(leave)
	request, err := http.NewRequestWithContext(ctx, "GET", w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	o := &opened{w.t, make(chan event, 1000), leave, response}
	go func() {
		defer close(o.events)
		defer response.Body.Close()
		var e event
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if value == "" && e.name != "" {
					o.events <- e
				}
				e = event{}
			}
		}
	}()
	return o
}

// next returns the next event; ok is false at the end of the stream.
func (o *opened) next() (e event, ok bool) {
	o.t.Helper()
	select {
	case e, ok = <-o.events:
		return e, ok
	case <-time.After(20 * time.Second):
		o.t.Fatal("no event came")
		return event{}, false
	}
}

func (o *opened) must() event {
	o.t.Helper()
	e, ok := o.next()
	if !ok {
		o.t.Fatal("the stream ended")
	}
	return e
}

func (o *opened) ends() {
	o.t.Helper()
	for {
		if e, ok := o.next(); !ok {
			return
		} else if e.name != "run" {
			o.t.Errorf("got %+v instead of the end", e)
		}
	}
}

// claimed queues a run and takes it as an engine does.
func (w *world) claimed(c api.Connector) store.Claimed {
	w.t.Helper()
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"full"}`).is(w.t, http.StatusAccepted, nil)
	claimed, ok, err := w.store.Claim(w.t.Context(), store.Claimant{Instance: "one", Incarnation: "1", TTL: time.Minute})
	if !ok || err != nil {
		w.t.Fatal(ok, err)
	}
	return claimed
}

// imports begins the import of a run that was claimed; what it returns stages a
// page of entries that were not understood.
func (w *world) imports(c store.Claimed) (rejects func(entries ...string)) {
	w.t.Helper()
	imp, err := w.store.BeginImport(w.t.Context(), store.ImportConfig{Lease: c.Lease, RunID: c.Run.ID, Full: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return func(entries ...string) { w.t.Helper(); w.stage(imp, entries) }
}

func (w *world) stage(imp *store.Import, entries []string) {
	w.t.Helper()
	var batch store.Batch
	for _, e := range entries {
		batch.Rejected = append(batch.Rejected, connector.Rejection{Entry: e, Reason: "no anchor"})
	}
	if _, err := imp.Stage(w.t.Context(), batch); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) failed(c store.Claimed) {
	w.t.Helper()
	if err := w.store.Finish(w.t.Context(), c.Run.ID, store.Result{Status: store.Failed, Reason: "TIMEOUT", Error: "no answer"}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.ReleaseLease(w.t.Context(), c.Lease); err != nil {
		w.t.Fatal(err)
	}
}

func TestARunIsFollowedToItsEnd(t *testing.T) {
	w := newWorld(t)
	c := w.claimed(w.connector("A"))
	rejects := w.imports(c)
	rejects("first")
	s := w.open("/api/runs/" + c.Run.ID + "/events")
	if s.StatusCode != http.StatusOK || s.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", s.StatusCode, s.Header)
	}
	if r := s.must().run(t); r.Status != "Running" || r.Counts.Failed != 1 {
		t.Errorf("at first %+v", r)
	}
	one := s.must()
	if one.name != "log" || !strings.Contains(one.data, `"entry":"first"`) {
		t.Errorf("then %+v", one)
	}
	rejects("second", "third")
	// Only the end comes surely after all lines.
	var last event
	for lines, counted := 0, false; lines < 2 || !counted; {
		last = s.must()
		if last.name == "log" {
			lines++
		} else {
			counted = last.run(t).Counts.Failed == 3
		}
	}
	// Who comes back hears what is new to him, and the run as it is.
	back := w.open("/api/runs/"+c.Run.ID+"/events", "Last-Event-ID", one.id)
	if r := back.must().run(t); r.Status != "Running" {
		t.Errorf("back: %+v", r)
	}
	if e := back.must(); !strings.Contains(e.data, "second") {
		t.Errorf("back: %+v", e)
	}
	rejects("last words")
	w.failed(c)
	var names []string
	for e, ok := s.next(); ok; e, ok = s.next() {
		names, last = append(names, e.name), e
		if e.name == "run" && e.run(t).Status == "Failed" && !strings.Contains(strings.Join(names, " "), "log") {
			t.Error("the last words came after the end, or not at all")
		}
	}
	if last.name != "end" || last.id != "end" {
		t.Errorf("it ended with %v", names)
	}
	w.send("GET", "/api/runs/"+c.Run.ID+"/events", "", "Last-Event-ID", "end").is(t, http.StatusNoContent, nil)
	w.send("GET", "/api/runs/"+c.Run.ID+"/events", "", "Last-Event-ID", "x").problem(t, http.StatusUnprocessableEntity, "invalid-input")
	w.send("GET", "/api/runs/none/events", "").problem(t, http.StatusNotFound, "run-not-found")
	// One that has ended is told whole.
	whole := w.send("GET", "/api/runs/"+c.Run.ID+"/events", "").is(t, http.StatusOK, nil)
	if n := strings.Count(string(whole.body), "event: log"); n != 4 || !strings.Contains(string(whole.body), "event: end") {
		t.Errorf("%s", whole.body)
	}
}

func TestAllRunsAreFollowedAndWhatWasMissedComesFirst(t *testing.T) {
	w := newWorld(t)
	under := w.claimed(w.connector("A"))
	s := w.open("/api/events")
	if r := s.must().run(t); r.ID != under.Run.ID || r.Status != "Running" {
		t.Errorf("under way: %+v", r)
	}
	other := w.connector("B")
	var queued api.Run
	w.send("POST", "/api/runs", `{"connectorId":"`+other.ID+`","kind":"delta"}`).is(t, http.StatusAccepted, &queued)
	e := s.must()
	if r := e.run(t); r.ID != queued.ID || r.Status != "Queued" {
		t.Errorf("queued: %+v", r)
	}
	s.leave()
	w.send("POST", "/api/runs/"+queued.ID+"/cancel", "").is(t, http.StatusOK, nil)
	w.failed(under)
	back := w.open("/api/events", "Last-Event-ID", e.id)
	seen := map[string]string{}
	for len(seen) < 2 {
		r := back.must().run(t)
		seen[r.ID] = r.Status
	}
	if seen[queued.ID] != "Cancelled" || seen[under.Run.ID] != "Failed" {
		t.Errorf("missed: %v", seen)
	}
	// Of another time it is not known what was missed.
	if e := w.open("/api/events", "Last-Event-ID", "elsewhere.7").must(); e.name != "reset" {
		t.Errorf("got %+v", e)
	}
}

func TestAStreamEndsWithTheSignInAndWithTheServer(t *testing.T) {
	w := newWorld(t)
	w.claimed(w.connector("A"))
	s := w.open("/api/events")
	s.must()
	w.signedOut.Store(true)
	s.ends()
	w.signedOut.Store(false)
	s = w.open("/api/events")
	s.must()
	begin := time.Now()
	w.api.Close()
	s.ends()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	w.open("/api/events").ends()
}
