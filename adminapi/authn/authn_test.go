package authn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func open(t *testing.T, folder string) *store.Store {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: folder}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newTokens returns the tokens of a store that writes to folder.
func newTokens(t *testing.T, db authn.Store, folder string, now func() time.Time) *authn.Tokens {
	t.Helper()
	tokens := authn.NewTokens(authn.TokensConfig{Store: db, Folder: folder, Logger: slog.New(slog.DiscardHandler), Now: now})
	t.Cleanup(tokens.Close)
	return tokens
}

func prepared(t *testing.T, tokens *authn.Tokens, want authn.State) string {
	t.Helper()
	state, err := tokens.Prepare(t.Context())
	if err != nil || state != want {
		t.Fatalf("state %q, error %v, expected %q", state, err, want)
	}
	text, err := os.ReadFile(tokens.File())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func TestTheFirstStartMakesATokenThatOnlyTheServiceCanRead(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	db := open(t, folder)
	tokens := newTokens(t, db, folder, time.Now)
	token := prepared(t, tokens, authn.Created)
	if !strings.HasPrefix(token, authn.Prefix) || len(token) != len(authn.Prefix)+43 {
		t.Errorf("token %q", token)
	}
	info, err := os.Stat(tokens.File())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if again := prepared(t, tokens, authn.Present); again != token {
		t.Error("the second start made another token")
	}
	found := 0
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == tokens.File() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(strings.TrimPrefix(token, authn.Prefix))) {
			t.Errorf("%s has the token", path)
		}
		found++
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("%d files looked at: %v", found, err)
	}
}

func TestALostTokenIsNoticedAndReplaced(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(file string) error
	}{
		{"the file is gone", os.Remove},
		{"the file has another token", func(file string) error { return os.WriteFile(file, []byte(authn.Prefix+"other"), 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			tokens := newTokens(t, open(t, folder), folder, time.Now)
			old := prepared(t, tokens, authn.Created)
			if err := c.lose(tokens.File()); err != nil {
				t.Fatal(err)
			}
			prepared(t, tokens, authn.Lost)
			if err := tokens.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			fresh := prepared(t, tokens, authn.Present)
			guard := newGuard(tokens, time.Now, &bytes.Buffer{})
			if status(guard, "Bearer "+old) != http.StatusUnauthorized || status(guard, "Bearer "+fresh) != http.StatusOK {
				t.Error("the old token still signs in, or the new one does not")
			}
		})
	}
}

// unlucky is a store that fails to keep a token.
type unlucky struct {
	authn.Store
	err error
}

func (u unlucky) AddToken(context.Context, store.AdminToken, store.TokenHash) (store.AdminToken, error) {
	return store.AdminToken{}, u.err
}

func TestATokenThatWasNotStoredLeavesNoFile(t *testing.T) {
	folder := t.TempDir()
	db := open(t, folder)
	broken := errors.New("disk full")
	tokens := newTokens(t, unlucky{db, broken}, folder, time.Now)
	if _, err := tokens.Prepare(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(tokens.File()); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
	// Another Admin API on the same database made the token in between.
	tokens.Store = unlucky{db, store.ErrNameTaken}
	prepared(t, tokens, authn.Lost)
	tokens.Store = db
	prepared(t, tokens, authn.Created)
}

// racing is the store of one of two processes: neither goes on before both have
// seen that there is no token.
type racing struct {
	authn.Store
	first *sync.Once
	both  *sync.WaitGroup
}

func (r racing) CountTokens(ctx context.Context) (int64, error) {
	n, err := r.Store.CountTokens(ctx)
	r.first.Do(func() { r.both.Done(); r.both.Wait() })
	return n, err
}

func TestTwoFirstStartsAtOnceMakeOneTokenThatIsInTheFile(t *testing.T) {
	folder := t.TempDir()
	db := open(t, folder)
	var both, running sync.WaitGroup
	both.Add(2)
	var states [2]authn.State
	for n := range states {
		tokens := newTokens(t, racing{db, &sync.Once{}, &both}, folder, time.Now)
		running.Go(func() {
			var err error
			if states[n], err = tokens.Prepare(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	slices.Sort(states[:])
	if states != [2]authn.State{authn.Created, authn.Present} {
		t.Errorf("%q", states)
	}
	prepared(t, newTokens(t, db, folder, time.Now), authn.Present)
}

func newGuard(way authn.Way, now func() time.Time, logs *bytes.Buffer) http.Handler {
	guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{way}, Logger: slog.New(slog.NewJSONHandler(logs, nil)), Now: now})
	return guard.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, authz.From(r.Context()).Name)
	}))
}

func ask(h http.Handler, remote, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/api/connectors", nil)
	r.RemoteAddr = remote
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func status(h http.Handler, authorization string) int {
	return ask(h, "192.0.2.1:1", authorization).Code
}

func TestOnlyAValidTokenSignsIn(t *testing.T) {
	folder := t.TempDir()
	tokens := newTokens(t, open(t, folder), folder, time.Now)
	token := prepared(t, tokens, authn.Created)
	for n, header := range []string{"", "Bearer", "Bearer ", token, "Basic " + token, "Bearer " + token + "x", "Bearer " + token[:len(token)-1],
		"Bearer " + authn.Prefix, "Bearer " + strings.ToUpper(token), "Bearer x " + token} {
		var logs bytes.Buffer
		w := ask(newGuard(tokens, time.Now, &logs), "192.0.2.1:1", header)
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnauthorized || p.Type != problem.Prefix+"sign-in-required" {
			t.Errorf("header %d: %d %s", n, w.Code, w.Body)
		}
		if strings.Contains(logs.String(), "sign-in failed") == (header == "") || strings.Contains(logs.String()+w.Body.String(), token[10:30]) {
			t.Errorf("header %d: log %s", n, logs.String())
		}
	}
	for _, header := range []string{"Bearer " + token, "bearer " + token} {
		w := ask(newGuard(tokens, time.Now, &bytes.Buffer{}), "192.0.2.1:1", header)
		if w.Code != http.StatusOK || w.Body.String() != authn.Name {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
