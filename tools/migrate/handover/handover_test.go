package handover_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const ref = secret.Ref("secret://a")

// world is a migration of one ref that was copied and verified. It plays the settings
// and the processes.
type world struct {
	*testing.T
	from, to *fakestore.Fake
	pair     *stores.Pair
	ledger   *ledger.Ledger
	uses     map[secret.Ref][]string
	// written is which store the settings name; refused keeps them from being written.
	written string
	refused error
	// meanwhile happens while the processes take their time.
	meanwhile func()
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, from: fakestore.New("s"), to: fakestore.New("t"), uses: map[secret.Ref][]string{ref: {"c"}}, meanwhile: func() {}}
	w.pair = &stores.Pair{From: w.from.Store(), To: w.to.Store()}
	w.from.Put(ref, "first")
	w.open()
	if err := w.ledger.Found(t.Context(), ledger.Migration{ID: "m", From: w.pair.From.Side, To: w.pair.To.Side}); err != nil {
		t.Fatal(err)
	}
	w.run()
	return w
}

// open begins a new ledger.
func (w *world) open() {
	l, err := ledger.Open(w.Context(), ledger.Config{Folder: w.TempDir(), Create: true, Who: "user ann", Host: "h1"})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = l.Close() })
	w.ledger = l
}

func (w *world) transfer() transfer.Config {
	return transfer.Config{Ledger: w.ledger, Pair: w.pair, Fingerprints: stores.NewFingerprints(), Concurrency: 1}
}

// run plans and copies.
func (w *world) run() {
	w.Helper()
	_, err := plan.Make(w.Context(), plan.Config{Ledger: w.ledger, Pair: w.pair, Fingerprints: stores.NewFingerprints(), Concurrency: 1, Uses: w.uses})
	if err == nil {
		_, err = transfer.Run(w.Context(), w.transfer())
	}
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) Check(cutover.Wanted) error { return nil }

func (w *world) Write(wanted cutover.Wanted, _ time.Time) (cutover.Backups, error) {
	if w.refused != nil {
		return nil, w.refused
	}
	w.written = wanted.Provider
	return cutover.Backups{}, nil
}

func (w *world) Await(context.Context, cutover.Wanted) ([]store.Instance, error) {
	w.meanwhile()
	return nil, nil
}

func (w *world) handover() *handover.Handover {
	return handover.New(handover.Config{
		Ledger: w.ledger, Settings: w, Processes: w, Now: time.Now, Say: func(string) {},
		Source: handover.Side{Store: w.pair.From, Wanted: cutover.Wanted{Provider: "s"}},
		Target: handover.Side{Store: w.pair.To, Wanted: cutover.Wanted{Provider: "t"}},
		Uses:   func(context.Context) (map[secret.Ref][]string, error) { return maps.Clone(w.uses), nil },
	})
}

func (w *world) switchOver() (*handover.Outcome, error) {
	return w.handover().Switch(w.Context(), handover.SwitchOptions{Verify: func(ctx context.Context) error {
		_, err := transfer.Verify(ctx, w.transfer())
		return err
	}})
}

// refuses checks that err waits for somebody, and says want.
func (w *world) refuses(err error, want string) {
	w.Helper()
	var unready *handover.NotReadyError
	if !errors.As(err, &unready) || !strings.Contains(err.Error(), want) {
		w.Errorf("got %v, want %q", err, want)
	}
}

func (w *world) has(in *fakestore.Fake, ref secret.Ref, want string) {
	w.Helper()
	if got, _ := in.Value(ref); got != want {
		w.Errorf("%s is %q, want %q", ref, got, want)
	}
}

// It may be a week until somebody makes the settings writable.
func TestASwitchThatGoesOnLooksAtWhatCameSince(t *testing.T) {
	const late = secret.Ref("secret://late")
	for name, c := range map[string]struct {
		since func(w *world)
		want  string
	}{
		"a connector needs what the target does not have": {func(w *world) { w.uses[late] = []string{"new"} },
			"secret://late, which new uses, is missing in t: set it in s"},
		"a ref was planned": {func(w *world) {
			if _, err := plan.Make(w.Context(), plan.Config{Ledger: w.ledger, Pair: w.pair, Fingerprints: stores.NewFingerprints(), Concurrency: 1, Uses: w.uses}); err != nil {
				w.Fatal(err)
			}
		}, `secret://late was planned after the switch had begun: run "identitymesh-migrate run"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.refused = errors.New("read-only")
			var part *handover.PartError
			if _, err := w.switchOver(); !errors.As(err, &part) {
				t.Fatalf("got %v", err)
			}
			w.refused = nil
			w.from.Put(late, "x")
			c.since(w)
			_, err := w.switchOver()
			w.refuses(err, c.want)
			if w.written != "" {
				t.Errorf("the settings say %s", w.written)
			}
			w.run()
			if _, err := w.switchOver(); err != nil || w.written != "t" {
				t.Errorf("%q, %v", w.written, err)
			}
			w.has(w.to, late, "x")
		})
	}
}

func TestWhatWasSetAfterThePlanIsNotLeftBehind(t *testing.T) {
	w := newWorld(t)
	w.from.Put("secret://before", "x")
	_, err := w.switchOver()
	w.refuses(err, "secret://before was set in s after the plan: plan and run again")
	w.run()
	w.meanwhile = func() {
		w.from.Put("secret://during", "y")
		w.from.Put("secret://both", "old")
		w.to.Put("secret://both", "new")
	}
	o, err := w.switchOver()
	if err != nil || !slices.Equal(o.Carried, []secret.Ref{"secret://during"}) || len(o.Notices) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	for ref, want := range map[secret.Ref]string{"secret://before": "x", "secret://during": "y", "secret://both": "new"} {
		w.has(w.to, ref, want)
	}
	w.to.Put("secret://during", "z")
	if o, err = w.handover().Rollback(t.Context(), handover.RollbackOptions{KeepTarget: map[secret.Ref]bool{"secret://both": true}}); err == nil {
		t.Errorf("nobody was asked which is right: %+v", o)
	}
	if strings.Contains(err.Error(), "secret://during") {
		t.Errorf("the source had the older one, as the switch left it: %v", err)
	}
	w.has(w.from, "secret://during", "z")
}

func TestASourceWithoutSecretsIsToldAsThat(t *testing.T) {
	w := newWorld(t)
	if err := w.from.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	w.uses = nil
	w.open()
	_, err := w.switchOver()
	w.refuses(err, "there is nothing to move")
}

// An operator who says which value is kept was told of two of them, and of no other.
func TestAChoiceCoversTheValuesThatWereToldAndNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		keep   func(*handover.RollbackOptions)
		change func(w *world)
		source string // afterwards; empty where the rollback asks again
	}{
		"the source's is kept":                   {keepSource, func(*world) {}, "theirs"},
		"the target's is kept":                   {keepTarget, func(*world) {}, "ours"},
		"the target was set after the question":  {keepSource, func(w *world) { w.to.Put(ref, "newest") }, ""},
		"the source was set after the question":  {keepTarget, func(w *world) { w.from.Put(ref, "newest") }, ""},
		"the source's is kept, and was set anew": {keepSource, func(w *world) { w.from.Put(ref, "newest") }, "newest"},
		"the target's is kept, and was set anew": {keepTarget, func(w *world) { w.to.Put(ref, "newest") }, "newest"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.switchOver(); err != nil {
				t.Fatal(err)
			}
			w.from.Put(ref, "theirs")
			w.to.Put(ref, "ours")
			_, err := w.handover().Rollback(t.Context(), handover.RollbackOptions{})
			w.refuses(err, "was set in both stores since it was copied (s 20")
			c.change(w)
			var o handover.RollbackOptions
			c.keep(&o)
			if _, err = w.handover().Rollback(t.Context(), o); c.source == "" {
				w.refuses(err, "was set in both stores")
				if w.written != "t" {
					t.Errorf("the settings say %s", w.written)
				}
				// Asked again, the same word is about the newer one.
				_, err = w.handover().Rollback(t.Context(), o)
			} else {
				w.has(w.from, ref, c.source)
			}
			if err != nil || w.written != "s" {
				t.Errorf("%q, %v", w.written, err)
			}
		})
	}
}

func keepSource(o *handover.RollbackOptions) { o.KeepSource = map[secret.Ref]bool{ref: true} }
func keepTarget(o *handover.RollbackOptions) { o.KeepTarget = map[secret.Ref]bool{ref: true} }

// The copy of a killed run is in the target, nobody recorded it, and then the source was
// set again: no store says whose value the target's is.
func TestACopyThatNobodyKnowsOfIsForAnOperator(t *testing.T) {
	w := newWorld(t)
	if _, err := w.switchOver(); err != nil {
		t.Fatal(err)
	}
	const lost = secret.Ref("secret://lost")
	w.uses[lost] = []string{"c"}
	w.to.Put(lost, "copy")
	w.from.Put(lost, "newer")
	_, err := w.handover().Rollback(t.Context(), handover.RollbackOptions{})
	w.refuses(err, "or a copy that was killed left it there, and s was set since (s 20")
	w.refuses(err, "--keep-source secret://lost")
	if _, err := w.handover().Rollback(t.Context(), handover.RollbackOptions{KeepSource: map[secret.Ref]bool{lost: true}}); err != nil {
		t.Error(err)
	}
	w.has(w.from, lost, "newer")
}

// Two stores have two clocks: by a little, the later one may be the older value.
func TestClocksSettleWhichOfTwoValuesIsTheLaterOnlyByFar(t *testing.T) {
	for name, c := range map[string]struct {
		later time.Duration
		asks  bool
	}{
		"by less than clocks differ": {time.Minute, true},
		"by far":                     {time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.meanwhile = func() {
				w.to.Put(ref, "ours")
				w.from.Put(ref, "theirs")
				w.to.Change(ref, func(e *fakestore.Entry) { e.Meta.Updated = e.Meta.Updated.Add(c.later) })
			}
			if o, err := w.switchOver(); err != nil || len(o.Notices) != 1 {
				t.Fatalf("%+v, %v", o, err)
			}
			w.meanwhile = func() {}
			_, err := w.handover().Rollback(t.Context(), handover.RollbackOptions{})
			if c.asks {
				w.refuses(err, "was set in both stores")
				w.has(w.from, ref, "theirs")
				return
			}
			if err != nil {
				t.Error(err)
			}
			w.has(w.from, ref, "ours")
		})
	}
}
