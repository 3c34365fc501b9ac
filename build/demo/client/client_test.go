package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/client"
)

// asked is a request as the server saw it.
type asked struct{ line, authorization, ifMatch, body string }

// serve answers every request with the status and the texts in their order, and
// the last one again.
func serve(t *testing.T, status int, answers ...string) (*client.Client, *[]asked) {
	t.Helper()
	var seen []asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, asked{r.Method + " " + r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("If-Match"), string(body)})
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answers[min(len(seen), len(answers))-1])
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("imat_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: server.URL, TokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &seen
}

func TestAnUpdateNamesTheVersionAndSendsSettingsOnly(t *testing.T) {
	c, seen := serve(t, http.StatusOK, `{"id":"7","name":"HR","version":4}`)
	got, err := c.UpdateConnector(t.Context(), client.Connector{ID: "7", Name: "HR", Type: "sql", Version: 3, Enabled: true,
		Config: map[string]any{"port": 1.0}, State: client.State{Watermark: "w"}})
	if err != nil || got.Version != 4 {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := asked{"PUT /api/connectors/7", "Bearer imat_x", `"3"`, `{"name":"HR","type":"sql","config":{"port":1},"enabled":true}`}
	if (*seen)[0] != want {
		t.Errorf("asked %+v, want %+v", (*seen)[0], want)
	}
}

func TestAListingIsReadPageByPage(t *testing.T) {
	c, seen := serve(t, http.StatusOK, `{"items":[{"anchor":"1","attributes":{"mail":["a@x","b@x"]}}],"next":"9"}`, `{"items":[]}`)
	page, next, err := c.Objects(t.Context(), "7", 1, "")
	if err != nil || len(page) != 1 || page[0].First("mail") != "a@x" || page[0].First("cn") != "" || next != "9" {
		t.Errorf("got %+v, %q, %v", page, next, err)
	}
	if page, next, err = c.Objects(t.Context(), "7", 1, next); err != nil || len(page) != 0 || next != "" {
		t.Errorf("got %+v, %q, %v", page, next, err)
	}
	if line := (*seen)[1].line; line != "GET /api/connectors/7/objects?limit=1&present=true&cursor=9" {
		t.Errorf("asked %s", line)
	}
}

func TestARunIsWaitedForUntilItHasEnded(t *testing.T) {
	c, seen := serve(t, http.StatusOK, `{"id":"r","status":"Queued"}`, `{"id":"r","status":"Running"}`,
		`{"id":"r","kind":"delta","connectorName":"HR","status":"Failed","reason":"X","error":"no way","finished":"2026-01-02T03:04:05Z"}`)
	run, err := c.WaitRun(t.Context(), "r")
	if err != nil || len(*seen) != 3 {
		t.Fatalf("%v after %d requests", err, len(*seen))
	}
	if err := run.Err(); err == nil || err.Error() != "the delta run of HR Failed: X: no way" {
		t.Errorf("got %v", err)
	}
}

func TestWaitingForARunEndsWithItsContext(t *testing.T) {
	c, _ := serve(t, http.StatusOK, `{"id":"r","kind":"full","connectorName":"HR","status":"Running"}`)
	cause := errors.New("the engine is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
	if _, err := c.WaitRun(ctx, "r"); err == nil || context.Cause(ctx) != cause {
		t.Errorf("got %v", err)
	}
}

func TestAProblemIsToldWholeAndWithoutWhatWasSent(t *testing.T) {
	c, seen := serve(t, http.StatusUnprocessableEntity,
		`{"title":"Invalid input","status":422,"detail":"Nothing was changed.","errors":[{"path":"ref","message":"is no ref"}]}`)
	err := c.SetSecret(t.Context(), "x", "hunter2")
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 || !strings.Contains(err.Error(), "ref: is no ref") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error repeats the value: %v", err)
	}
	var body map[string]string
	if err := json.Unmarshal([]byte((*seen)[0].body), &body); err != nil || body["value"] != "hunter2" {
		t.Errorf("sent %s", (*seen)[0].body)
	}
}

func TestAnAnswerOfSomethingElseIsAnError(t *testing.T) {
	for name, status := range map[string]int{"with success": http.StatusOK, "with a failure": http.StatusBadGateway} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, status, "<html>")
			if _, err := c.Connectors(t.Context()); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestAMissingTokenNamesTheNextStep(t *testing.T) {
	_, err := client.New(client.Config{TokenFile: filepath.Join(t.TempDir(), "none")})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "token reset") {
		t.Errorf("got %v", err)
	}
}
