//go:build linux

// Package browser_test plays an administrator in a real browser, against the real
// programs and a directory that can be changed. What he does is told in
// play/stories; screenshots of every page are left in bin/screenshots.
package browser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/demo/directory"
	"github.com/identitymesh/identitymesh/build/demo/stack"
	"github.com/identitymesh/identitymesh/build/npm"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

const (
	// limit is how long everything may take.
	limit = 12 * time.Minute
	// firstPassword is what the directory takes in the beginning.
	firstPassword = "canary-first-5d1f"
)

func TestAdministratorsDoTheirWorkInABrowser(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	play := filepath.Join(w.Root, "build", "browser", "play")
	chromium := prepared(ctx, t, play)
	s := start(ctx, t, w)
	control := httptest.NewServer(controls(s))
	defer control.Close()

	screenshots := filepath.Join(w.Root, "bin", "screenshots")
	if err := os.RemoveAll(screenshots); err != nil {
		t.Fatal(err)
	}
	results := filepath.Join(t.TempDir(), "results.json")
	facts, err := json.Marshal(map[string]any{
		"url": s.URL(), "tokenFile": s.TokenFile(), "control": control.URL, "screenshots": screenshots,
		"directory": map[string]any{"host": s.Directory.Addr().IP.String(), "port": s.Directory.Addr().Port, "account": directory.AccountDN,
			"base": directory.PeopleDN, "password": firstPassword, "people": stack.People},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, playing := command.Run(ctx, command.Spec{Dir: play, Args: []string{"npx", "--no-install", "playwright", "test"}, Env: []string{
		"IDENTITYMESH_STAGE=" + string(facts), "IDENTITYMESH_CHROMIUM=" + chromium, "PLAYWRIGHT_JSON_OUTPUT_FILE=" + results, "IDENTITYMESH_RESULTS=" + t.TempDir(), "FORCE_COLOR=0",
	}})
	told := report(t, results)
	if playing != nil && told == 0 {
		t.Error(playing)
	}
	nothingLeaked(t, s)
}

// prepared sees to it that everything is there and returns the browser.
func prepared(ctx context.Context, t *testing.T, play string) string {
	t.Helper()
	skip := func(err error) {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	var missing *npm.MissingError
	if err := npm.Prepare(ctx, play, os.Stderr); errors.As(err, &missing) {
		skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		skip(errors.New("there is no chromium; on Debian as root: apt-get install chromium fonts-dejavu-core"))
	}
	if _, err := npm.Run(ctx, play, "run", "check"); err != nil {
		t.Fatal(err)
	}
	return chromium
}

// start starts the product as a new user would: nothing is configured in it.
func start(ctx context.Context, t *testing.T, w workspace.Workspace) *stack.Stack {
	t.Helper()
	bin := filepath.Join(w.Root, "bin")
	if _, err := os.Stat(filepath.Join(bin, "identitymesh-adminapi")); err != nil {
		t.Skip("the programs are not built: run \"make build\"")
	}
	s, err := stack.Start(ctx, stack.Config{
		Bin: bin, Folder: t.TempDir(), Listen: loopbacktest.Address(t), DirectoryListen: "127.0.0.1:0", DirectoryPassword: firstPassword,
		PollInterval: 200 * time.Millisecond, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.StartEngine(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// controls are what the stories do behind the administrator's back.
func controls(s *stack.Stack) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /directory/password", func(_ http.ResponseWriter, r *http.Request) {
		s.Directory.SetPassword(r.FormValue("password"))
	})
	mux.HandleFunc("POST /directory/change", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, s.Directory.ModifyPeople(10))
	})
	return mux
}

// result is what the stories' report has; see Playwright's JSON reporter.
type result struct {
	Suites []suite
	Errors []struct{ Message string }
}

type suite struct {
	Title  string
	Suites []suite
	Specs  []struct {
		Title string
		OK    bool
		Tests []struct {
			Results []struct {
				Status string
				Errors []struct{ Message string }
			}
		}
	}
}

// report tells each story as a test of its own and returns how many there were.
func report(t *testing.T, file string) (told int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return 0
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Errors {
		t.Error(e.Message)
	}
	var tell func(*testing.T, suite)
	tell = func(t *testing.T, s suite) {
		for _, inner := range s.Suites {
			t.Run(inner.Title, func(t *testing.T) { tell(t, inner) })
		}
		for _, spec := range s.Specs {
			told++
			t.Run(spec.Title, func(t *testing.T) {
				for _, played := range spec.Tests {
					for _, r := range played.Results {
						for _, e := range r.Errors {
							t.Errorf("%s: %s", r.Status, e.Message)
						}
						if r.Status == "skipped" && !spec.OK {
							t.Error("it was not played, because one before it failed")
						}
					}
				}
				if !spec.OK && !t.Failed() {
					t.Error("it failed")
				}
			})
		}
	}
	for _, s := range r.Suites {
		t.Run(strings.TrimSuffix(filepath.Base(s.Title), ".spec.ts"), func(t *testing.T) { tell(t, s) })
	}
	if told < 10 {
		t.Errorf("only %d stories were told", told)
	}
	return told
}
