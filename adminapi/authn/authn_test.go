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
	"strings"
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

func prepared(t *testing.T, tokens authn.Tokens, want authn.State) string {
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
	tokens := authn.Tokens{Store: db, Folder: folder}
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
			tokens := authn.Tokens{Store: open(t, folder), Folder: folder}
			old := prepared(t, tokens, authn.Created)
			if err := c.lose(tokens.File()); err != nil {
				t.Fatal(err)
			}
			prepared(t, tokens, authn.Lost)
			if err := tokens.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			fresh := prepared(t, tokens, authn.Present)
			guard := newGuard(tokens.Store, time.Now, &bytes.Buffer{})
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

func (u unlucky) AddToken(context.Context, string, store.TokenHash) (store.AdminToken, error) {
	return store.AdminToken{}, u.err
}

func TestATokenThatWasNotStoredLeavesNoFile(t *testing.T) {
	folder := t.TempDir()
	db := open(t, folder)
	broken := errors.New("disk full")
	tokens := authn.Tokens{Store: unlucky{db, broken}, Folder: folder}
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

func newGuard(tokens authn.Finder, now func() time.Time, logs *bytes.Buffer) http.Handler {
	guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{authn.TokenWay{Tokens: tokens}}, Logger: slog.New(slog.NewJSONHandler(logs, nil)), Now: now})
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
	tokens := authn.Tokens{Store: open(t, folder), Folder: folder}
	token := prepared(t, tokens, authn.Created)
	for n, header := range []string{"", "Bearer", "Bearer ", token, "Basic " + token, "Bearer " + token + "x", "Bearer " + token[:len(token)-1],
		"Bearer " + authn.Prefix, "Bearer " + strings.ToUpper(token), "Bearer x " + token} {
		var logs bytes.Buffer
		w := ask(newGuard(tokens.Store, time.Now, &logs), "192.0.2.1:1", header)
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnauthorized || p.Type != problem.Prefix+"sign-in-required" {
			t.Errorf("header %d: %d %s", n, w.Code, w.Body)
		}
		if !strings.Contains(logs.String(), "sign-in failed") || strings.Contains(logs.String()+w.Body.String(), token[10:30]) {
			t.Errorf("header %d: log %s", n, logs.String())
		}
	}
	for _, header := range []string{"Bearer " + token, "bearer " + token} {
		w := ask(newGuard(tokens.Store, time.Now, &bytes.Buffer{}), "192.0.2.1:1", header)
		if w.Code != http.StatusOK || w.Body.String() != authn.Name {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestAnAddressThatFailsOftenHasToWaitLongerAndLonger(t *testing.T) {
	folder := t.TempDir()
	tokens := authn.Tokens{Store: open(t, folder), Folder: folder}
	token := prepared(t, tokens, authn.Created)
	now := time.Unix(1_000_000, 0)
	var logs bytes.Buffer
	guard := newGuard(tokens.Store, func() time.Time { return now }, &logs)
	for range 5 {
		if got := status(guard, ""); got != http.StatusUnauthorized {
			t.Fatalf("status %d", got)
		}
	}
	wait := func() string {
		t.Helper()
		w := ask(guard, "192.0.2.1:2", "")
		if w.Code != http.StatusTooManyRequests {
			t.Fatalf("status %d", w.Code)
		}
		return w.Header().Get("Retry-After")
	}
	if got := wait(); got != "1" {
		t.Errorf("first pause %s s", got)
	}
	if ask(guard, "192.0.2.2:1", "").Code != http.StatusUnauthorized {
		t.Error("another address has to wait too")
	}
	if status(guard, "Bearer "+token) != http.StatusOK {
		t.Error("a valid token has to wait")
	}
	pauses := ""
	for range 8 {
		now = now.Add(61 * time.Second)
		if got := status(guard, ""); got != http.StatusUnauthorized {
			t.Fatalf("status %d after the pause", got)
		}
		pauses += wait() + " "
	}
	if pauses != "2 4 8 16 32 60 60 60 " {
		t.Errorf("pauses %s", pauses)
	}
	if lines := strings.Count(logs.String(), "\n"); lines != 5+1+8 {
		t.Errorf("%d lines in the log", lines)
	}
	now = now.Add(11 * time.Minute)
	if status(guard, ""); status(guard, "") != http.StatusUnauthorized {
		t.Error("nothing is forgotten")
	}
}

func TestTheMemoryOfFailuresIsBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	guard := newGuard(nobody{}, func() time.Time { return now }, &bytes.Buffer{})
	fail := func(remote string) int { return ask(guard, remote, "").Code }
	for range 5 {
		fail("[2001:db8::1]:1")
	}
	if got := fail("[2001:db8::ffff]:1"); got != http.StatusTooManyRequests {
		t.Errorf("the same /64 gets %d", got)
	}
	for n := range 1000 {
		now = now.Add(time.Millisecond)
		fail(fmt.Sprintf("10.0.%d.%d:1", n/250, n%250))
	}
	if got := fail("[2001:db8::1]:1"); got != http.StatusUnauthorized {
		t.Errorf("the oldest address is still known: %d", got)
	}
}

// nobody has no tokens.
type nobody struct{}

func (nobody) FindToken(context.Context, store.TokenHash) (store.AdminToken, error) {
	return store.AdminToken{}, store.ErrNotFound
}
