package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/store"
)

func (w *world) countConnectors() int64 {
	w.t.Helper()
	n, err := w.store.CountConnectors(w.t.Context(), store.ConnectorFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// row runs a statement that gives one text.
func (w *world) row(statement string) (text string) {
	w.t.Helper()
	if err := w.store.DB().Read.QueryRowContext(w.t.Context(), statement).Scan(&text); err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *world) exec(statement string) {
	w.t.Helper()
	if _, err := w.store.DB().Write.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

func TestARequestWithAKeyIsCarriedOutOnceAndAnsweredAgain(t *testing.T) {
	w := newWorld(t)
	w.engine("north")
	c := w.connector("A")
	for _, r := range []struct{ name, path, body string }{
		{"a connector", "/api/connectors", input("B")},
		{"a schedule", "/api/connectors/" + c.ID + "/schedules", `{"kind":"full","cron":"@daily"}`},
		{"a run", "/api/runs", `{"connectorId":"` + c.ID + `","kind":"full"}`},
		{"a test", "/api/connectors/" + c.ID + "/test", ""},
	} {
		t.Run(r.name, func(t *testing.T) {
			first := w.send("POST", r.path, r.body, "Idempotency-Key", `"k-1"`)
			again := w.send("POST", r.path, r.body, "Idempotency-Key", "k-1")
			if first.StatusCode >= 300 || again.StatusCode != first.StatusCode || string(again.body) != string(first.body) {
				t.Errorf("first %d %s, again %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
			}
			if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
				t.Error("it is not said which answer was given before")
			}
			for _, name := range []string{"Location", "ETag"} {
				if first.Header.Get(name) != again.Header.Get(name) {
					t.Errorf("%s %q, then %q", name, first.Header.Get(name), again.Header.Get(name))
				}
			}
			other := strings.Replace(r.body, "full", "delta", 1)
			if r.body == "" || strings.Contains(r.path, "connectors") && other == r.body {
				other = input("Another")
			}
			if r.body != "" {
				w.send("POST", r.path, other, "Idempotency-Key", "k-1").problem(t, http.StatusUnprocessableEntity, "idempotency-key-reused")
			}
		})
	}
	if n := w.countConnectors(); n != 2 {
		t.Errorf("%d connectors", n)
	}
	for _, key := range []string{`""`, strings.Repeat("k", 256), "a b"} {
		p := w.send("POST", "/api/connectors", input("C"), "Idempotency-Key", key).problem(t, http.StatusUnprocessableEntity, "invalid-input")
		if paths(p) != "header:Idempotency-Key" {
			t.Errorf("%q: problems of %s", key, paths(p))
		}
	}
	// Another operator's key is another one.
	var other struct{ Secret, Token string }
	created := w.send("POST", "/api/tokens", `{"name":"other","role":"Admin"}`).is(t, http.StatusCreated, &other)
	var fields map[string]any
	_ = json.Unmarshal(created.body, &fields)
	for _, v := range fields {
		if text, ok := v.(string); ok && strings.HasPrefix(text, "imat_") && len(text) > 20 {
			w.send("POST", "/api/connectors", input("D"), "Idempotency-Key", "k-1", "Authorization", "Bearer "+text).is(t, http.StatusCreated, nil)
			return
		}
	}
	t.Errorf("no token in %v", fields)
}

func TestAnAnswerWithASecretIsNotKept(t *testing.T) {
	w := newWorld(t)
	first := w.send("POST", "/api/tokens", `{"name":"new","role":"Viewer"}`, "Idempotency-Key", "k").is(t, http.StatusCreated, nil)
	w.send("POST", "/api/tokens", `{"name":"new","role":"Viewer"}`, "Idempotency-Key", "k").problem(t, http.StatusConflict, "idempotency-answer-gone")
	kept := w.row("SELECT key_hash || operation || principal || fingerprint || resource_id || answer FROM IM_IdempotencyKeys")
	if strings.Contains(kept, "imat_") || !strings.Contains(kept, "create-token") {
		t.Errorf("kept %s of %s", kept, first.body)
	}
}

func TestARequestThatWasRefusedCanBeSentAgainWithItsKey(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "k").problem(t, http.StatusConflict, "connector-name-taken")
	w.send("DELETE", "/api/connectors/"+c.ID, "").is(t, http.StatusNoContent, nil)
	w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "k").is(t, http.StatusCreated, nil)
	// A change that cannot be recorded is not made, and made when it can be.
	mend := w.breakAudit()
	w.send("POST", "/api/connectors", input("B"), "Idempotency-Key", "k2").problem(t, http.StatusServiceUnavailable, "audit-unavailable")
	mend()
	w.send("POST", "/api/connectors", input("B"), "Idempotency-Key", "k2").is(t, http.StatusCreated, nil)
	if n := w.countConnectors(); n != 2 {
		t.Errorf("%d connectors", n)
	}
}

func TestOfManyRequestsWithOneKeyOneCreates(t *testing.T) {
	w := newWorld(t)
	before := w.countConnectors()
	var all sync.WaitGroup
	answers := make([]answer, 8)
	for n := range answers {
		all.Go(func() { answers[n] = w.send("POST", "/api/connectors", input("Raced"), "Idempotency-Key", "race") })
	}
	all.Wait()
	ids := map[string]bool{}
	for _, a := range answers {
		switch a.StatusCode {
		case http.StatusCreated:
			var c api.Connector
			a.is(t, http.StatusCreated, &c)
			ids[c.ID] = true
		case http.StatusConflict:
			if p := a.problem(t, http.StatusConflict, "idempotency-under-way"); p.RetryAfterSeconds == 0 {
				t.Error("it is not said when to ask again")
			}
		default:
			t.Errorf("status %d: %s", a.StatusCode, a.body)
		}
	}
	if len(ids) != 1 || w.countConnectors() != before+1 {
		t.Errorf("created %v, %d connectors", ids, w.countConnectors())
	}
}

// The process dies at each point of a creation; whoever asks again with the key gets
// the one thing that was created, or creates it.
func TestAProcessThatDiesInBetweenLeavesOneConnector(t *testing.T) {
	for name, died := range map[string]func(w *world, id string){
		"before it was created": func(w *world, id string) {
			w.exec("DELETE FROM IM_ConnectorState")
			w.exec("DELETE FROM IM_Connectors")
		},
		"after it was created": func(*world, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var c, again api.Connector
			w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "k").is(t, http.StatusCreated, &c)
			died(w, c.ID)
			w.exec("UPDATE IM_IdempotencyKeys SET done = 0, answer = ''")
			w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "k").problem(t, http.StatusConflict, "idempotency-under-way")
			w.exec("UPDATE IM_IdempotencyKeys SET tried = '2026-03-01T11:58:59.000000Z'")
			w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "k").is(t, http.StatusCreated, &again)
			if again.ID != c.ID || w.countConnectors() != 1 {
				t.Errorf("%s, then %s; %d connectors", c.ID, again.ID, w.countConnectors())
			}
			if attempt := w.row("SELECT attempt FROM IM_IdempotencyKeys"); attempt != "2" {
				t.Errorf("attempt %s", attempt)
			}
		})
	}
}

func TestKeysAreForgottenAfterADay(t *testing.T) {
	w := newWorld(t)
	w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "old").is(t, http.StatusCreated, nil)
	w.exec("UPDATE IM_IdempotencyKeys SET created = '2026-02-28T11:59:59.000000Z'")
	w.send("POST", "/api/connectors", input("A"), "Idempotency-Key", "old").problem(t, http.StatusConflict, "connector-name-taken")
	if n := w.row("SELECT COUNT(*) FROM IM_IdempotencyKeys"); n != "0" {
		t.Errorf("%s keys are kept", n)
	}
}
