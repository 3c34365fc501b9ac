package soak_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const (
	used   = secret.Ref("secret://used")
	unused = secret.Ref("secret://unused")
)

// history is a run history to which a test adds.
type history struct {
	mu   sync.Mutex
	runs []store.Run
}

func (h *history) ListRuns(_ context.Context, f store.RunFilter, limit int) (page []store.Run, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.runs) - 1; i >= 0 && len(page) < limit; i-- {
		if r := h.runs[i]; f.Before == 0 || r.Seq < f.Before {
			page = append(page, r)
		}
	}
	return page, nil
}

func (h *history) add(connector string, status store.Status, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	r := store.Run{Seq: int64(len(h.runs) + 1), ID: fmt.Sprint("run", len(h.runs)+1), ConnectorName: connector, Status: status, Reason: reason,
		Error: "the words", Queued: now, Started: now}
	if status != store.Queued && status != store.Running {
		r.Finished = now
	}
	h.runs = append(h.runs, r)
}

// end ends the first run.
func (h *history) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs[0].Status, h.runs[0].Finished = store.Succeeded, time.Now()
}

type world struct {
	history
	to     *fakestore.Fake
	ledger *ledger.Ledger
	config soak.Config
}

// inForce is a world in which the target is in force.
func inForce(t *testing.T) *world {
	w := &world{to: fakestore.New("t")}
	from := fakestore.New("s")
	from.Put(used, "1")
	from.Put(unused, "2")
	ctx := t.Context()
	var err error
	if w.ledger, err = ledger.Open(ctx, ledger.Config{Folder: t.TempDir(), Create: true, Who: "user ann", Host: "h1"}); err != nil {
		t.Fatal(err)
	}
	pair := &stores.Pair{From: from.Store(), To: w.to.Store()}
	prints := stores.NewFingerprints()
	uses := map[secret.Ref][]string{used: {"directory"}}
	err = w.ledger.Found(ctx, ledger.Migration{ID: "m", From: pair.From.Side, To: pair.To.Side})
	if err == nil {
		_, err = plan.Make(ctx, plan.Config{Ledger: w.ledger, Pair: pair, Fingerprints: prints, Concurrency: 1, Uses: uses})
	}
	if err == nil {
		_, err = transfer.Run(ctx, transfer.Config{Ledger: w.ledger, Pair: pair, Fingerprints: prints, Concurrency: 1})
	}
	for _, ref := range []secret.Ref{used, unused} {
		if err == nil {
			var step ledger.Intent
			if step, err = w.ledger.Begin(ctx, ref, ledger.Switch, ledger.Change{}); err == nil {
				err = w.ledger.End(ctx, step, ledger.Change{})
			}
		}
	}
	if err == nil {
		err = w.ledger.SetNote(ctx, ledger.NoteInForce, time.Now().Format(time.RFC3339Nano))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.config = soak.Config{Ledger: w.ledger, Target: pair.To, Runs: w, For: time.Hour, Poll: time.Second, Now: time.Now, Say: func(string) {},
		Uses: func(context.Context) (map[secret.Ref][]string, error) { return uses, nil }}
	return w
}

func (w *world) watch(t *testing.T) (soak.Progress, error) {
	s, err := soak.Open(t.Context(), w.config)
	if err != nil {
		t.Fatal(err)
	}
	return s.Watch(t.Context())
}

func TestSoak(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		reads   int64
		err     error
		failed  string // the reason
		proved  int
	}{
		"runs that succeed are counted": {func(w *world) {
			w.add("directory", store.Succeeded, "")
			time.Sleep(50 * time.Millisecond)
			w.add("directory", store.Succeeded, "")
		}, 2, nil, "", 2},
		"those of other connectors are not": {func(w *world) {
			w.add("hr", store.Succeeded, "")
			w.add("hr", store.Failed, "TIMEOUT")
		}, 0, soak.ErrUnproved, "", 1},
		"without a run nothing is proved":               {func(*world) {}, 0, soak.ErrUnproved, "", 1},
		"a run that ends later is counted when it does": {func(w *world) { w.add("directory", store.Running, ""); time.Sleep(50 * time.Millisecond); w.end() }, 1, nil, "", 2},
		"a secret that is missing ends it at once":      {func(w *world) { w.add("directory", store.Failed, "NOT_FOUND") }, 0, nil, "NOT_FOUND", 0},
		"a connected system that refuses is no such case": {func(w *world) {
			w.add("directory", store.Failed, "CONNECTED_SYSTEM")
			w.add("directory", store.Succeeded, "")
		}, 1, nil, "", 2},
		"what no connector uses is read in the end": {func(w *world) {
			w.add("directory", store.Succeeded, "")
			w.to.Change(unused, func(e *fakestore.Entry) { e.Meta.Disabled = true })
		}, 1, nil, "DISABLED", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := inForce(t)
			defer w.ledger.Close()
			w.config.For, w.config.Poll = 300*time.Millisecond, 5*time.Millisecond
			ended := make(chan struct{})
			go func() { defer close(ended); c.happens(w) }()
			defer func() { <-ended }()
			p, err := w.watch(t)
			var failed *soak.FailedError
			if c.failed != "" {
				if err := soak.Ended(t.Context(), w.ledger); !errors.As(err, &failed) {
					t.Errorf("it failed, and as ended got %v", err)
				}
				if !errors.As(err, &failed) || failed.Reason != c.failed || failed.Words == "" || p.Failed == nil {
					t.Errorf("got %+v, %v", p, err)
				}
				return
			}
			if err := soak.Ended(t.Context(), w.ledger); err != nil {
				t.Errorf("it went to its end, and got %v", err)
			}
			if !errors.Is(err, c.err) || p.Reads != c.reads || p.Proved != c.proved || (c.err == nil) == p.Passed.IsZero() {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}

func TestSoakThatWasStoppedGoesOnAndCountsNothingTwice(t *testing.T) {
	w := inForce(t)
	defer w.ledger.Close()
	w.config.For, w.config.Poll = 400*time.Millisecond, 5*time.Millisecond
	w.add("directory", store.Succeeded, "")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	first, err := soak.Open(ctx, w.config)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := first.Watch(ctx); !errors.Is(err, context.DeadlineExceeded) || p.Reads != 1 {
		t.Fatalf("stopped: %+v, %v", p, err)
	}
	if err := soak.Ended(t.Context(), w.ledger); !errors.Is(err, soak.ErrUnfinished) {
		t.Errorf("after it was stopped: %v", err)
	}
	w.add("directory", store.Succeeded, "")
	p, err := w.watch(t)
	if err != nil || p.Reads != 2 || p.Passed.IsZero() {
		t.Errorf("went on: %+v, %v", p, err)
	}
	if err := w.ledger.SetNote(t.Context(), ledger.NoteInForce, time.Now().Add(time.Second).Format(time.RFC3339Nano)); err != nil {
		t.Fatal(err)
	}
	if err := soak.Ended(t.Context(), w.ledger); !errors.Is(err, soak.ErrUnfinished) {
		t.Errorf("after another switch: %v", err)
	}
	if p, err := soak.See(t.Context(), w.ledger); err != nil || !p.Began.IsZero() || p.Reads != 0 {
		t.Errorf("after another switch: %+v, %v", p, err)
	}
}

func TestSoakNeedsTheTargetInForce(t *testing.T) {
	w := inForce(t)
	defer w.ledger.Close()
	if err := w.ledger.SetNote(t.Context(), ledger.NoteBackBegan, time.Now().Format(time.RFC3339Nano)); err != nil {
		t.Fatal(err)
	}
	if _, err := soak.Open(t.Context(), w.config); !errors.Is(err, ledger.ErrNotInForce) {
		t.Errorf("got %v", err)
	}
}
