package audit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

// keeping is a keeper whose pauses the test ends.
type keeping struct {
	*world
	keeper *audit.Keeper
	pauses chan time.Duration
	due    chan time.Time
	logs   *logtest.Buffer
}

var headKey = []byte(strings.Repeat("k", 40))

func (w *world) keyFile() string {
	w.t.Helper()
	path := filepath.Join(w.folder, "head.key")
	if err := os.WriteFile(path, append(headKey, '\n'), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) keep(c audit.KeeperConfig) *keeping {
	w.t.Helper()
	k := &keeping{world: w, pauses: make(chan time.Duration), due: make(chan time.Time), logs: &logtest.Buffer{}}
	c.Log, c.DataFolder, c.Now, c.Logger = w.Log, w.folder, w.now, slog.New(slog.NewJSONHandler(k.logs, nil))
	c.After = func(d time.Duration) <-chan time.Time {
		select {
		case k.pauses <- d:
		case <-w.t.Context().Done():
		}
		return k.due
	}
	var err error
	if k.keeper, err = audit.NewKeeper(c); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); k.keeper.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-ended })
	<-k.pauses // the one after the start
	return k
}

// once lets the job run and returns how long it pauses then.
func (k *keeping) once() time.Duration {
	k.t.Helper()
	k.due <- time.Time{}
	select {
	case d := <-k.pauses:
		return d
	case <-time.After(20 * time.Second):
		k.t.Fatal("the job does not end")
		return 0
	}
}

func (w *world) heads(text []byte) *audit.Heads {
	w.t.Helper()
	heads, err := audit.ReadHeads(bytes.NewReader(text), headKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return heads
}

func TestHeadsInAFileShowThatTheEndWasRemovedOrWrittenAnew(t *testing.T) {
	w := newWorld(t)
	w.acts(2)
	w.changes("c", 2)
	file := filepath.Join(t.TempDir(), "heads.jsonl")
	k := w.keep(audit.KeeperConfig{Witness: audit.Witness{File: file, KeyFile: w.keyFile()}, Interval: 24 * time.Hour})
	if pause := k.once(); pause != 24*time.Hour {
		t.Errorf("the pause is %s", pause)
	}
	// A crash left half a line.
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"chain":"adm`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	w.acts(2)
	k.once()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n != 4 { // admin and c, half a line, then admin
		t.Errorf("%d lines: %s", n, text)
	}
	heads := w.heads(text)
	if heads.Unreadable != 1 {
		t.Errorf("%d lines are unreadable", heads.Unreadable)
	}
	if report, err := w.VerifyChain(t.Context(), audit.AdminChain, heads); err != nil || report.Heads != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	export := w.export("")
	if report, err := (audit.Offline{Heads: heads}).Verify(bytes.NewReader(export)); err != nil || report.Heads != 2 {
		t.Errorf("offline: %+v, %v", report, err)
	}
	for name, c := range map[string]struct {
		sql   string
		chain string
		seq   int64
	}{
		"the end removed with the head": {"DELETE FROM IM_AdminAudit WHERE seq > 6; UPDATE IM_AuditHeads SET seq = 6, hash = (SELECT hash FROM IM_AdminAudit WHERE seq = 6) WHERE chain = 'admin'", audit.AdminChain, 7},
		"all of it removed":             {"DELETE FROM IM_AdminAudit; UPDATE IM_AuditHeads SET seq = 0, hash = '" + strings.Repeat("0", 64) + "' WHERE chain = 'admin'", audit.AdminChain, 1},
		"a connector's chain removed":   {"DELETE FROM IM_ObjectAudit; DELETE FROM IM_AuditHeads WHERE chain = 'objects/c'", audit.ObjectChain("c"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := w.db.Write.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = tx.Rollback()
			copied := newWorld(t)
			copied.exec("ATTACH '" + filepath.Join(w.folder, "identitymesh.db") + "' AS was")
			for _, table := range []string{"IM_AdminAudit", "IM_AuditHeads", "IM_ObjectAudit"} {
				copied.exec("DELETE FROM main." + table + "; INSERT INTO main." + table + " SELECT * FROM was." + table)
			}
			copied.exec(c.sql)
			_, plain := copied.Verify(t.Context())
			if err := errors.Join(plain, copied.VerifyObjects(t.Context(), nil, func(string, audit.Report) {})); err != nil {
				t.Fatalf("without the heads it is found too: %v", err)
			}
			_, admin := copied.VerifyChain(t.Context(), audit.AdminChain, heads)
			err = errors.Join(admin, copied.VerifyObjects(t.Context(), heads, func(string, audit.Report) {}))
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || broken.Chain != c.chain || broken.Seq != c.seq {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("another log of the same length", func(t *testing.T) {
		other := newWorld(t)
		other.pass(time.Minute)
		other.acts(4)
		if _, err := other.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		var broken *audit.BrokenError
		if _, err := other.VerifyChain(t.Context(), audit.AdminChain, heads); !errors.As(err, &broken) || broken.Seq != 4 {
			t.Errorf("got %v", err)
		}
		if _, err := (audit.Offline{Heads: heads}).Verify(bytes.NewReader(other.export(""))); !errors.As(err, &broken) {
			t.Errorf("offline: %v", err)
		}
	})
}

func TestHeadsThatWereChangedAreRefused(t *testing.T) {
	w := newWorld(t)
	w.acts(1)
	file := filepath.Join(t.TempDir(), "heads.jsonl")
	k := w.keep(audit.KeeperConfig{Witness: audit.Witness{File: file, KeyFile: w.keyFile()}, Interval: time.Hour})
	k.once()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string]string{
		"another number": strings.Replace(string(text), `"seq":2`, `"seq":1`, 1),
		"another chain":  strings.Replace(string(text), `"admin"`, `"x"`, 1),
		"another time":   strings.Replace(string(text), `2026-11-23`, `2026-11-22`, 1),
		"half a line":    string(text[:len(text)/2]),
		"nothing":        "",
	} {
		if changed == string(text) {
			t.Fatalf("%s: nothing was changed in %s", name, text)
		}
		if _, err := audit.ReadHeads(strings.NewReader(changed), headKey); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := audit.ReadHeads(bytes.NewReader(text), []byte("another key")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("another key: %v", err)
	}
}

// receiver is an HTTPS server that takes heads.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []string
	others int
}

func receive(t *testing.T) *receiver {
	r := &receiver{status: 204}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if q.URL.Path != "/heads" || q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/x-ndjson" {
			r.others++
		}
		if r.status == 204 {
			r.bodies = append(r.bodies, string(body))
		}
		w.Header().Set("Location", r.URL+"/elsewhere")
		w.WriteHeader(r.status)
	}))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) trusted() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(r.Certificate())
	return &tls.Config{RootCAs: pool}
}

func TestHeadsAreSentUntilTheyArrive(t *testing.T) {
	w := newWorld(t)
	w.acts(1)
	r := receive(t)
	k := w.keep(audit.KeeperConfig{Witness: audit.Witness{URL: r.URL + "/heads", KeyFile: w.keyFile(), TLS: r.trusted()}, Interval: 24 * time.Hour})
	for status, name := range map[int]string{302: "302 Found", 500: "500 Internal", 307: "307 Temp"} {
		r.answer(status)
		k.once()
		if list := k.keeper.Problems(); len(list) != 1 || !strings.Contains(list[0], name) || !strings.Contains(list[0], "Audit:Head:Url") {
			t.Errorf("problems %v", list)
		}
	}
	if r.others != 0 {
		t.Error("it followed a redirect")
	}
	var pauses []time.Duration
	for range 5 {
		pauses = append(pauses, k.once())
	}
	if got := fmt.Sprint(pauses); got != "[8m0s 16m0s 32m0s 1h0m0s 1h0m0s]" {
		t.Errorf("pauses %s", got)
	}
	r.answer(204)
	if pause := k.once(); pause != 24*time.Hour || k.keeper.Problems() != nil {
		t.Errorf("pause %s, problems %v", pause, k.keeper.Problems())
	}
	if len(r.bodies) != 1 {
		t.Fatalf("it got %q", r.bodies)
	}
	if report, err := w.VerifyChain(t.Context(), audit.AdminChain, w.heads([]byte(r.bodies[0]))); err != nil || report.Heads != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if logs := k.logs.String(); !strings.Contains(logs, "a job of the audit log failed") || strings.Contains(logs, string(headKey)) {
		t.Errorf("the log is %s", logs)
	}
}

func TestHeadsGoNowhereElse(t *testing.T) {
	w := newWorld(t)
	w.acts(1)
	r := receive(t)
	k := w.keep(audit.KeeperConfig{Witness: audit.Witness{URL: r.URL + "/heads", KeyFile: w.keyFile()}, Interval: time.Hour})
	k.once()
	if list := k.keeper.Problems(); len(list) != 1 || !strings.Contains(list[0], "certificate") || len(r.bodies) != 0 {
		t.Errorf("a server that nobody vouches for: %v, %q", list, r.bodies)
	}
	// The path of such an address is often all that it takes to write there.
	if logs := k.logs.String(); strings.Contains(logs, "/heads") || strings.Contains(k.keeper.Problems()[0], "/heads") || !strings.Contains(logs, "certificate") {
		t.Errorf("the address is in %s or in %v", logs, k.keeper.Problems())
	}
	short := filepath.Join(w.folder, "short.key")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		witness audit.Witness
		want    string
	}{
		"plain HTTP":  {audit.Witness{URL: "http://127.0.0.1/heads", KeyFile: w.keyFile()}, "https://"},
		"no key":      {audit.Witness{URL: r.URL, KeyFile: filepath.Join(w.folder, "none")}, "Audit:Head:KeyFile"},
		"a short key": {audit.Witness{File: "x", KeyFile: short}, "openssl rand"},
		"a folder":    {audit.Witness{File: "x", KeyFile: w.folder}, "is no file"},
	} {
		if _, err := audit.NewKeeper(audit.KeeperConfig{Witness: c.witness}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheKeeperRemovesWhatIsTooOldEveryDay(t *testing.T) {
	w := newWorld(t)
	w.acts(3)
	w.changes("c", 3)
	k := w.keep(audit.KeeperConfig{AdminDays: 10, ObjectDays: 20})
	if pause := k.once(); pause != 24*time.Hour {
		t.Errorf("the pause is %s", pause)
	}
	if report, err := w.Verify(t.Context()); err != nil || report.Removed != 0 {
		t.Errorf("too early: %+v, %v", report, err)
	}
	w.pass(10 * 24 * time.Hour)
	k.once()
	if report, err := w.Verify(t.Context()); err != nil || report.Removed != 6 || report.Records != 2 {
		t.Errorf("after ten days: %+v, %v", report, err)
	}
	w.pass(10 * 24 * time.Hour)
	k.once()
	if report, err := w.VerifyChain(t.Context(), audit.ObjectChain("c"), nil); err != nil || report.Removed != 3 {
		t.Errorf("after twenty: %+v, %v", report, err)
	}
	w.exec("UPDATE IM_AdminAudit SET actor = 'nobody'")
	w.pass(20 * 24 * time.Hour)
	if pause := k.once(); pause != time.Minute || len(k.keeper.Problems()) != 1 {
		t.Errorf("a broken log: pause %s, problems %v", pause, k.keeper.Problems())
	}
}
