package transfer_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

// A killed process leaves an intent without an outcome, and perhaps a value that it set.
func TestACopyWithoutAnOutcome(t *testing.T) {
	took := func(w *world) {
		if _, err := w.to.Set(w.Context(), provider.SetRequest{Ref: ref(1), Value: secret.NewValue([]byte(canary))}); err != nil {
			w.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		arrange     func(*world)
		state       ledger.State
		says, value string
		sets        int
	}{
		"of which the target took nothing is made": {func(*world) {}, ledger.Verified, "", canary, 1},
		"that the target took is not made again":   {took, ledger.Verified, "", canary, 1},
		"that the target took before the source was rotated is known by the source's versions": {func(w *world) {
			took(w)
			w.from.Versioned = true
			w.from.Put(ref(1), canary+"2")
		}, ledger.Verified, "", canary + "2", 2},
		"is not known without such": {func(w *world) {
			took(w)
			w.from.Put(ref(1), canary+"2")
		}, ledger.Blocked, "which this migration did not write", canary, 1},
		"over which somebody set the target is given up": {func(w *world) {
			took(w)
			w.to.Put(ref(1), "theirs")
		}, ledger.Blocked, "which this migration did not write", "theirs", 1},
		"over which somebody set the target is told from ours by the source's versions": {func(w *world) {
			took(w)
			w.from.Versioned = true
			w.from.Put(ref(1), canary+"2")
			w.to.Put(ref(1), "theirs")
		}, ledger.Blocked, "which this migration did not write", "theirs", 1},
		"of a source that was rotated before the target took anything is made": {func(w *world) {
			w.from.Put(ref(1), canary+"2")
		}, ledger.Verified, "", canary + "2", 1},
		"of a source that does not give it now is blocked": {func(w *world) {
			w.from.Before = once("get", 1<<30, failure(fault.Disabled, "it is disabled"))
		}, ledger.Blocked, "it is disabled", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put(ref(1), canary)
			w.planned()
			version := w.entry(ref(1)).SourceVersion
			if _, err := w.ledger.Begin(t.Context(), ref(1), ledger.Copy, ledger.Change{SourceVersion: version}); err != nil {
				t.Fatal(err)
			}
			c.arrange(w)
			if r := w.run(); r.Resumed != 1 {
				t.Errorf("%+v", r)
			}
			w.is(ref(1), c.state, c.says, c.value)
			if n := len(w.to.Sets()); n != c.sets {
				t.Errorf("%d sets, want %d", n, c.sets)
			}
			w.clean()
		})
	}
}

func TestARotatedSecretWhoseSecondCopyWasInterruptedIsCopied(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.planned().run()
	w.from.Put(ref(1), canary+"2")
	e := w.entry(ref(1))
	err := w.ledger.Record(t.Context(), ref(1), ledger.Drift, ledger.Change{})
	if err == nil {
		_, err = w.ledger.Begin(t.Context(), ref(1), ledger.Copy, ledger.Change{SourceVersion: "s2", TargetVersion: e.TargetVersion})
	}
	if err != nil {
		t.Fatal(err)
	}
	if r := w.verify(); r.Resumed != 1 || r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	w.is(ref(1), ledger.Verified, "", canary+"2")
}

func TestAnOutcomeThatCannotBeFoundOutNowWaits(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.planned()
	// The answer is lost, and then the target is gone.
	gone := false
	w.to.After = func(call string, _ secret.Ref) error {
		if call == "set" {
			gone = true
			return failure(fault.Unavailable, "lost")
		}
		return nil
	}
	w.to.Before = func(string, secret.Ref) error {
		if gone {
			return failure(fault.Unavailable, "it is down")
		}
		return nil
	}
	if _, err := transfer.Run(t.Context(), w.config()); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	if e := w.entry(ref(1)); e.Open == 0 || e.State != ledger.Planned {
		t.Fatalf("%+v", e)
	}
	w.to.After, w.to.Before = nil, nil
	if r := w.run(); r.Resumed != 1 || r.Copied != 0 {
		t.Errorf("%+v", r)
	}
	w.is(ref(1), ledger.Verified, "", canary)
	if n := len(w.to.Sets()); n != 1 {
		t.Errorf("%d sets", n)
	}
}
