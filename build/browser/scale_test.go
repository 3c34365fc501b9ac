//go:build linux

package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/demo/stack"
	"github.com/identitymesh/identitymesh/build/seed"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

const (
	manyConnectors = 10_000
	manyRuns       = 1_000_000
	manyObjects    = 100_000
	manyDays       = 90
	// manyLimit is how long everything about them may take.
	manyLimit = 10 * time.Minute
	// manyOnAPage is how many rows a page has.
	manyOnAPage = 50
)

// What the pages ask for is answered also with as much as the largest installations
// have. How long that takes is told and not judged, because it depends on the
// machine; that no answer reads more than it has is.
func TestTenThousandConnectorsAndAMillionRuns(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		t.Skip("a million runs take a while to write")
	}
	bin := filepath.Join(w.Root, "bin")
	if _, err := os.Stat(filepath.Join(bin, "identitymesh-adminapi")); err != nil {
		t.Skip("the programs are not built: run \"make build\"")
	}
	ctx, cancel := context.WithTimeout(t.Context(), manyLimit)
	defer cancel()
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	// Another process writes it, because this one may watch for races, which takes ten
	// times as long.
	said, err := command.Run(ctx, command.Spec{Dir: filepath.Join(w.Root, "build"), Args: []string{"go", "run", "./cmd/seed", "--data", data,
		"--connectors", fmt.Sprint(manyConnectors), "--runs", fmt.Sprint(manyRuns), "--objects", fmt.Sprint(manyObjects), "--days", fmt.Sprint(manyDays)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(said)
	onePageIsOneStatement(ctx, t, data)

	s, err := stack.Start(ctx, stack.Config{Bin: bin, Folder: folder, Listen: loopbacktest.Address(t), DirectoryListen: "127.0.0.1:0", DirectoryPassword: firstPassword,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	asked(ctx, t, s, time.Now().UTC().Truncate(time.Second))

	play := filepath.Join(w.Root, "build", "browser", "play")
	t.Run("in a browser", func(t *testing.T) {
		chromium := prepared(ctx, t, play)
		facts, err := json.Marshal(map[string]any{"url": s.URL(), "tokenFile": s.TokenFile()})
		if err != nil {
			t.Fatal(err)
		}
		said, err := command.Run(ctx, command.Spec{Dir: play, Args: []string{"npx", "--no-install", "playwright", "test", "--config", "scale/playwright.config.ts", "--output", t.TempDir()},
			Env: []string{"IDENTITYMESH_STAGE=" + string(facts), "IDENTITYMESH_CHROMIUM=" + chromium, "FORCE_COLOR=0"}})
		t.Log(said)
		if err != nil {
			t.Error("the stories about many connectors and runs were not told to the end")
		} else if !strings.Contains(said, "3 passed") {
			t.Error("not all stories about many connectors and runs were told")
		}
	})
}

// onePageIsOneStatement counts what the store asks of the database.
func onePageIsOneStatement(ctx context.Context, t *testing.T, data string) {
	t.Helper()
	statements, rows := 0, 0
	s, err := store.Open(ctx, store.Config{DB: productdb.Config{DataFolder: data}, OnStatement: func(_ string, n int) { statements, rows = statements+1, rows+n }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := func(sort string) store.Paging { return store.Paging{Sort: sort, Limit: manyOnAPage} }
	for name, page := range map[string]func() error{
		"connectors by name":     func() error { _, _, err := s.PageConnectors(ctx, store.ConnectorFilter{}, p("")); return err },
		"connectors by last run": func() error { _, _, err := s.PageConnectors(ctx, store.ConnectorFilter{}, p("-lastRun")); return err },
		"connectors by next run": func() error { _, _, err := s.PageConnectors(ctx, store.ConnectorFilter{}, p("nextRun")); return err },
		"failing connectors": func() error {
			_, _, err := s.PageConnectors(ctx, store.ConnectorFilter{Status: store.Failed}, p(""))
			return err
		},
		"runs": func() error { _, _, err := s.PageRuns(ctx, store.RunFilter{}, p("")); return err },
		"runs of a connector": func() error {
			_, _, err := s.PageRuns(ctx, store.RunFilter{ConnectorID: seed.ConnectorID(7)}, p(""))
			return err
		},
		"failures by duration": func() error {
			_, _, err := s.PageRuns(ctx, store.RunFilter{Status: store.Failed}, p("-duration"))
			return err
		},
	} {
		statements, rows = 0, 0
		if err := page(); err != nil || statements != 1 || rows > manyOnAPage+1 {
			t.Errorf("a page of %s took %d statements and %d rows, %v", name, statements, rows, err)
		}
	}
	statements, rows = 0, 0
	if list, err := s.FailingConnectors(ctx, 1000); err != nil || len(list) < 200 || rows != len(list) || statements != 1 {
		t.Errorf("%d failing connectors took %d statements and %d rows, %v", len(list), statements, rows, err)
	}
}

// answer is what the answers to all questions may have.
type answer struct {
	Items []item
	Next  string
	Total int
}

type item struct {
	Name, Status, Reason, ConnectorID, Code string

	Queued time.Time
	Count  int
	State  struct {
		LastRun struct{ Status string }
		NextRun time.Time
	}
	Attributes json.RawMessage
}

// asked asks what the pages ask.
func asked(ctx context.Context, t *testing.T, s *stack.Stack, until time.Time) {
	t.Helper()
	token, err := os.ReadFile(s.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (body []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if body, err = io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %v %s", path, response.Status, err, body)
		}
		return body
	}
	at := func(ago time.Duration) string { return url.QueryEscape(until.Add(-ago).Format(time.RFC3339)) }
	const day = 24 * time.Hour
	all := func(a answer, is func(i int) bool) bool {
		for i := range a.Items {
			if !is(i) {
				return false
			}
		}
		return true
	}
	connector := seed.ConnectorID(7)
	questions := map[string]func(answer) bool{
		"/api/connectors?limit=50": func(a answer) bool { return len(a.Items) == 50 && a.Items[0].Name == "Site 00001" && a.Next != "" },
		"/api/connectors?limit=50&sort=-lastRun": func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool { return a.Items[i].State.LastRun.Status != "" })
		},
		"/api/connectors?limit=50&sort=nextRun": func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool { return i == 0 || !a.Items[i].State.NextRun.Before(a.Items[i-1].State.NextRun) })
		},
		"/api/connectors?limit=50&status=Failed": func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool { return a.Items[i].State.LastRun.Status == "Failed" })
		},
		"/api/connectors?limit=50&q=site%200999": func(a answer) bool { return len(a.Items) == 10 && a.Next == "" },
		"/api/connectors?limit=1&total=true":     func(a answer) bool { return a.Total == manyConnectors },
		"/api/runs?limit=50": func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool { return a.Items[i].Status == "Queued" || i >= 20 })
		},
		"/api/runs?limit=50&connectorId=" + connector: func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool { return a.Items[i].ConnectorID == connector })
		},
		"/api/runs?limit=50&status=Interrupted": func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool { return a.Items[i].Status == "Interrupted" })
		},
		"/api/runs?limit=50&status=Failed&sort=-duration": func(a answer) bool { return len(a.Items) == 50 },
		"/api/runs?limit=50&kind=test&trigger=manual":     func(a answer) bool { return len(a.Items) == 0 },
		"/api/runs?limit=50&reason=ACCESS_DENIED&from=" + at(30*day) + "&to=" + at(20*day): func(a answer) bool {
			return len(a.Items) == 50 && all(a, func(i int) bool {
				q := a.Items[i].Queued
				return a.Items[i].Reason == "ACCESS_DENIED" && q.Before(until.Add(-20*day)) && !q.Before(until.Add(-30*day))
			})
		},
		"/api/runs?limit=50&sort=-duration&from=" + at(80*day) + "&to=" + at(day): func(a answer) bool { return len(a.Items) == 50 },
		"/api/objects?limit=50": func(a answer) bool { return len(a.Items) == 50 && a.Next != "" },
		"/api/objects?limit=50&q=person%20099": func(a answer) bool {
			return all(a, func(i int) bool { return strings.Contains(string(a.Items[i].Attributes), "Person 099") }) && (len(a.Items) == 50 || a.Next != "")
		},
		"/api/attention": func(a answer) bool {
			failing := 0
			for _, i := range a.Items {
				if i.Code == "connectors-failing" {
					failing += i.Count
				}
			}
			return failing >= 200 && len(a.Items) < 40 && slices.ContainsFunc(a.Items, func(i item) bool { return i.Code == "connectors-without-engine" && i.Count == manyConnectors/100 })
		},
		"/api/status":             func(answer) bool { return true },
		"/api/runs?limit=5":       func(a answer) bool { return len(a.Items) == 5 },
		"/api/secrets?limit=25":   func(a answer) bool { return len(a.Items) == 25 },
		"/api/schedules?limit=50": func(a answer) bool { return len(a.Items) == 50 },
	}
	for _, path := range slices.Sorted(maps.Keys(questions)) {
		var a answer
		if err := json.Unmarshal(get(path), &a); err != nil || !questions[path](a) {
			t.Errorf("%s: %v, %d items, %d in all, next %q", path, err, len(a.Items), a.Total, a.Next)
		}
		told(t, path, func() { get(path) })
	}
	week := "/api/statistics/runs?bucket=hour&from=" + at(7*day)
	for _, path := range []string{week, "/api/statistics/runs?bucket=day", "/api/statistics/runs?bucket=day&connectorId=" + connector} {
		began := time.Now()
		body := get(path)
		first := time.Since(began)
		var sums struct {
			Total struct {
				Runs struct{ Succeeded, Failed, Interrupted, Cancelled int }
			}
		}
		if err := json.Unmarshal(body, &sums); err != nil {
			t.Error(err)
		}
		// Tests are no imports, and the last runs have not ended.
		r := sums.Total.Runs
		if n, most := r.Succeeded+r.Failed+r.Interrupted+r.Cancelled, manyRuns/manyDays*7; path == week && (n < most*95/100 || n > most*102/100) {
			t.Errorf("a week has %d imports instead of about %d: %+v", n, most, r)
		}
		t.Logf("%8s the first time: %s", first.Round(time.Millisecond), path)
		told(t, path, func() { get(path) })
	}
}

// told logs the time that something takes, the middle one of five.
func told(t *testing.T, what string, do func()) {
	t.Helper()
	took := make([]time.Duration, 5)
	for i := range took {
		began := time.Now()
		do()
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	t.Log(fmt.Sprintf("%8s %s", took[len(took)/2].Round(100*time.Microsecond), what))
}
