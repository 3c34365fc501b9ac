package purge_test

import (
	"errors"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/purge"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const ref = secret.Ref("secret://a")

// world is a migration of one ref that connectors use, up to the soak.
type world struct {
	from, to *fakestore.Fake
	ledger   *ledger.Ledger
	pair     *stores.Pair
}

func newWorld(t *testing.T, reads int64) *world {
	w := &world{from: fakestore.New("s"), to: fakestore.New("t")}
	w.from.Soft = false
	w.from.Put(ref, "old")
	var err error
	if w.ledger, err = ledger.Open(t.Context(), ledger.Config{Folder: t.TempDir(), Create: true, Who: "user ann", Host: "h1"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.ledger.Close() })
	w.pair = &stores.Pair{From: w.from.Store(), To: w.to.Store()}
	prints := stores.NewFingerprints()
	ctx := t.Context()
	err = w.ledger.Found(ctx, ledger.Migration{ID: "m", From: w.pair.From.Side, To: w.pair.To.Side})
	if err == nil {
		_, err = plan.Make(ctx, plan.Config{Ledger: w.ledger, Pair: w.pair, Fingerprints: prints, Concurrency: 1, Uses: map[secret.Ref][]string{ref: {"c"}}})
	}
	if err == nil {
		_, err = transfer.Run(ctx, transfer.Config{Ledger: w.ledger, Pair: w.pair, Fingerprints: prints, Concurrency: 1})
	}
	var step ledger.Intent
	if err == nil {
		step, err = w.ledger.Begin(ctx, ref, ledger.Switch, ledger.Change{})
	}
	if err == nil {
		err = errors.Join(w.ledger.End(ctx, step, ledger.Change{}), w.ledger.SetNote(ctx, ledger.NoteInForce, time.Now().Format(time.RFC3339Nano)),
			w.ledger.Record(ctx, ref, ledger.Soak, ledger.Change{Reads: reads, LastRead: time.Now()}))
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) purge(t *testing.T) (purge.Outcome, error) {
	return purge.Purge(t.Context(), purge.Config{Ledger: w.ledger, Source: w.pair.From, Target: w.pair.To})
}

func TestOnlyWhatTheTargetServesIsDeleted(t *testing.T) {
	for name, c := range map[string]struct {
		reads   int64
		before  func(t *testing.T, w *world)
		deleted bool
		kept    int
		err     error
	}{
		"the same value in both":                         {1, func(*testing.T, *world) {}, true, 0, nil},
		"no run has read it yet":                         {0, func(*testing.T, *world) {}, false, 0, nil},
		"the target was set after the switch":            {1, func(_ *testing.T, w *world) { w.to.Put(ref, "new") }, true, 0, nil},
		"the source was set after the switch":            {1, func(_ *testing.T, w *world) { w.from.Put(ref, "new") }, false, 1, nil},
		"both were set after the switch":                 {1, func(_ *testing.T, w *world) { w.to.Put(ref, "x"); w.from.Put(ref, "y") }, false, 1, nil},
		"both were set to the same":                      {1, func(_ *testing.T, w *world) { w.to.Put(ref, "x"); w.from.Put(ref, "x") }, true, 0, nil},
		"the target changed and nobody is known to":      {1, func(_ *testing.T, w *world) { w.to.Change(ref, func(e *fakestore.Entry) { e.Value = []byte("?") }) }, false, 1, nil},
		"the target lost it":                             {1, func(t *testing.T, w *world) { _ = w.to.Delete(t.Context(), ref) }, false, 1, nil},
		"the target does not give it":                    {1, func(_ *testing.T, w *world) { w.to.Change(ref, func(e *fakestore.Entry) { e.Meta.Disabled = true }) }, false, 1, nil},
		"the source deletes it and does not say so":      {1, func(_ *testing.T, w *world) { w.from.After = lost }, true, 0, nil},
		"the source does not delete it":                  {1, func(_ *testing.T, w *world) { w.from.Before = lost }, false, 1, nil},
		"a rollback was begun":                           {1, func(t *testing.T, w *world) { note(t, w, ledger.NoteBackBegan, "2026-01-01T00:00:00Z") }, false, 0, ledger.ErrNotInForce},
		"the target is not in force everywhere any more": {1, func(t *testing.T, w *world) { note(t, w, ledger.NoteInForce, "") }, false, 0, ledger.ErrNotInForce},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.reads)
			c.before(t, w)
			o, err := w.purge(t)
			if !errors.Is(err, c.err) || len(o.Kept) != c.kept || (o.Purged == 1) != c.deleted {
				t.Errorf("%+v, %v", o, err)
			}
			w.from.Before = nil
			if _, there := w.from.Value(ref); there == c.deleted {
				t.Errorf("the source has it: %v", there)
			}
			e, err := w.ledger.Entry(t.Context(), ref)
			if err != nil || (e.State == ledger.Purged) != c.deleted || e.Open != 0 {
				t.Errorf("the ledger says %+v, %v", e, err)
			}
		})
	}
}

func note(t *testing.T, w *world, key, value string) {
	if err := w.ledger.SetNote(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

// lost is an answer to a delete that says nothing.
func lost(call string, _ secret.Ref) error {
	if call != "delete" {
		return nil
	}
	return fault.New(fault.Timeout, fault.SourceBackend, "no answer")
}

func TestDeleteThatWasInterruptedIsEnded(t *testing.T) {
	w := newWorld(t, 1)
	if _, err := w.ledger.Begin(t.Context(), ref, ledger.Purge, ledger.Change{}); err != nil {
		t.Fatal(err)
	}
	if err := w.from.Delete(t.Context(), ref); err != nil { // and then it was killed
		t.Fatal(err)
	}
	if o, err := w.purge(t); err != nil || o.Purged != 1 || len(o.Kept) > 0 {
		t.Errorf("%+v, %v", o, err)
	}
}
