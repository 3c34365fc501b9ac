package api_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
)

// writeHeads writes the ends of all chains into the file of the witness, as the program
// does every day.
func (w *world) writeHeads() {
	w.t.Helper()
	if w.witness.File == "" {
		folder := w.t.TempDir()
		w.witness = audit.Witness{File: filepath.Join(folder, "heads.jsonl"), KeyFile: filepath.Join(folder, "head.key")}
		if err := os.WriteFile(w.witness.KeyFile, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	before, err := os.ReadFile(w.witness.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	wait, written := make(chan time.Time, 1), make(chan struct{})
	wait <- time.Time{}
	pauses := 0
	keeper, err := audit.NewKeeper(audit.KeeperConfig{
		Log: w.audit, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Witness: w.witness, Interval: time.Hour,
		After: func(time.Duration) <-chan time.Time {
			if pauses++; pauses == 2 {
				close(written)
			}
			return wait
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); keeper.Run(ctx) }()
	<-written
	stop()
	<-ended
	if after, err := os.ReadFile(w.witness.File); err != nil || len(after) <= len(before) {
		w.t.Fatal("no heads were written", err)
	}
}

// ran makes the chain of a connector and returns its id.
func (w *world) ran(name string) string {
	w.t.Helper()
	w.connector(name)
	c, err := w.store.ConnectorByName(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.store.Enqueue(w.t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual}); err != nil {
		w.t.Fatal(err)
	}
	if _, ok, err := w.store.Claim(w.t.Context(), store.Claimant{Instance: "me", Incarnation: "1", TTL: time.Minute}); err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	return c.ID
}

func (w *world) verified() (r api.AuditReport) {
	w.t.Helper()
	w.send("GET", "/api/audit/verify", "").is(w.t, http.StatusOK, &r)
	return r
}

func TestAVerificationSaysWhatItComparedTheLogWith(t *testing.T) {
	w := newWorld(t)
	w.ran("A")
	if r := w.verified(); !r.Intact || r.Written.State != "none" || r.Written.Count != 0 || r.Heads != 0 {
		t.Errorf("without a file: %+v", r)
	}
	w.writeHeads()
	w.connector("B")
	w.writeHeads()
	if r := w.verified(); !r.Intact || r.Written != (api.WrittenHeads{State: "compared", Count: 3}) || r.Heads != 2 || r.Connectors.Heads != 1 {
		t.Errorf("with heads: %+v, %+v", r, r.Connectors)
	}
	content, err := os.ReadFile(w.witness.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"an empty file":  "",
		"a changed line": strings.Replace(string(content), `"seq":`, `"seq":9`, 1),
	} {
		if err := os.WriteFile(w.witness.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.verified(); r.Intact || r.Written.State != "unusable" || r.Written.Why == "" || r.BrokenAt != 0 || r.Records != 4 || r.Connectors.Broken != 0 {
			t.Errorf("%s: %+v, %+v", name, r, r.Connectors)
		}
	}
	if err := os.Remove(w.witness.File); err != nil {
		t.Fatal(err)
	}
	if r := w.verified(); r.Intact || r.Written.State != "unusable" || !strings.Contains(w.logs.String(), `"the audit log cannot be compared with its heads"`) {
		t.Errorf("no file: %+v", r)
	}
}

func TestALogThatWasWrittenAnewIsFoundByItsHeads(t *testing.T) {
	first := newWorld(t)
	id := first.ran("A")
	first.connector("B")
	first.writeHeads()
	for name, c := range map[string]struct {
		change func(w *world)
		at     int64
		chains int // of connectors, that are broken
	}{
		// Each is a log that agrees with itself.
		"from the beginning":       {func(w *world) { w.connector("other"); w.connector("B"); w.connector("C") }, 4, 1},
		"without its end":          {func(w *world) { w.connector("other") }, 3, 1},
		"and goes on behind heads": {func(w *world) { w.ran("other"); w.connector("B"); w.connector("C") }, 4, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			if r := w.verified(); !r.Intact {
				t.Fatalf("%+v", r)
			}
			w.witness = first.witness
			r := w.verified()
			if r.Intact || r.Written.State != "compared" || r.BrokenAt != c.at || !strings.Contains(r.Why, "written elsewhere") {
				t.Errorf("%+v", r)
			}
			if s := r.Connectors; s.Broken != c.chains || len(s.First) != c.chains || s.First[0].Chain != audit.ObjectChain(id) || s.First[0].BrokenAt != 1 {
				t.Errorf("%+v", s)
			}
			if !strings.Contains(w.logs.String(), `"the audit log was changed"`) {
				t.Error("the log does not say it")
			}
			var one api.AuditReport
			w.send("GET", "/api/audit/verify?chain="+audit.ObjectChain(id), "").is(t, http.StatusOK, &one)
			if one.Intact || one.BrokenAt != 1 {
				t.Errorf("alone: %+v", one)
			}
		})
	}
}
