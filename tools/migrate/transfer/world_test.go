package transfer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const canary = "canary-5be8-value"

// world is a migration between two fakes.
type world struct {
	*testing.T
	from, to *fakestore.Fake
	folder   string
	ledger   *ledger.Ledger
	replace  func(secret.Ref) bool
	wanted   func(ledger.Entry) bool
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, from: fakestore.New("s"), to: fakestore.New("t"), folder: t.TempDir()}
	w.open()
	t.Cleanup(func() { _ = w.ledger.Close() })
	return w
}

func (w *world) open() {
	w.Helper()
	var err error
	if w.ledger, err = ledger.Open(context.Background(), ledger.Config{Folder: w.folder, Create: true, Who: "user ann", Host: "h1"}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) pair() *stores.Pair { return &stores.Pair{From: w.from.Store(), To: w.to.Store()} }

// planned plans; what the fakes do wrong waits until then.
func (w *world) planned() *world {
	w.Helper()
	if _, err := plan.Make(w.Context(), plan.Config{Ledger: w.ledger, Pair: w.pair(), Fingerprints: stores.NewFingerprints(), Concurrency: 4}); err != nil {
		w.Fatal(err)
	}
	return w
}

func (w *world) config() transfer.Config {
	return transfer.Config{Ledger: w.ledger, Pair: w.pair(), Fingerprints: stores.NewFingerprints(), Concurrency: 4, Replace: w.replace, Wanted: w.wanted}
}

func (w *world) run() transfer.Result {
	w.Helper()
	r, err := transfer.Run(w.Context(), w.config())
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) verify() transfer.Result {
	w.Helper()
	r, err := transfer.Verify(w.Context(), w.config())
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) entry(ref secret.Ref) ledger.Entry {
	w.Helper()
	e, err := w.ledger.Entry(context.WithoutCancel(w.Context()), ref)
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// is checks where ref is, why, and what the target has.
func (w *world) is(ref secret.Ref, state ledger.State, says, value string) {
	w.Helper()
	e := w.entry(ref)
	if e.State != state || !strings.Contains(e.Reason, says) || (says == "") != (e.Reason == "") {
		w.Errorf("%s is %s (%s), want %s (%s)", ref, e.State, e.Reason, state, says)
	}
	if state == ledger.Blocked && e.Next == "" {
		w.Errorf("%s is blocked, and nobody is told what to do", ref)
	}
	if got, _ := w.to.Value(ref); got != value {
		w.Errorf("the target has %q, want %q", got, value)
	}
}

// once fails the first calls of that kind.
func once(call string, times int, err error) func(string, secret.Ref) error {
	var made atomic.Int64
	return func(c string, ref secret.Ref) error {
		if c == call && ref != "" && made.Add(1) <= int64(times) {
			return err
		}
		return nil
	}
}

func failure(reason fault.Reason, text string) error {
	return fault.New(reason, fault.SourceBackend, text)
}

// clean looks for values in everything on the disk.
func (w *world) clean() {
	w.Helper()
	if _, err := w.ledger.Fingerprint(context.Background()); err != nil {
		w.Error(err)
	}
	if err := w.ledger.Close(); err != nil {
		w.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.folder, "*"))
	if err != nil || len(files) == 0 {
		w.Fatalf("no ledger: %v", err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err != nil || strings.Contains(string(text), canary) {
			w.Errorf("a value is in %s, or %v", f, err)
		}
	}
	w.open()
}

func ref(i int) secret.Ref { return secret.Ref(fmt.Sprintf("secret://%03d", i)) }
