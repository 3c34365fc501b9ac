package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

func TestEverythingIsCopiedAndVerified(t *testing.T) {
	for name, conditional := range map[string]bool{"to a store with conditions": true, "to a store without": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.to.Conditional = conditional
			for i := range 50 {
				w.from.Put(ref(i), fmt.Sprint(canary, i))
			}
			w.to.Put(ref(7), fmt.Sprint(canary, 7))
			w.to.Put(ref(8), "gone")
			w.to.Change(ref(8), func(e *fakestore.Entry) { e.Deleted = true })
			w.planned()
			if r := w.run(); r.Copied != 49 || r.Adopted != 1 || r.Verified != 50 || r.Blocked != 0 {
				t.Errorf("%+v", r)
			}
			for i := range 50 {
				w.is(ref(i), ledger.Verified, "", fmt.Sprint(canary, i))
			}
			if r := w.run(); r.Copied+r.Verified != 0 {
				t.Errorf("a second run had something to do: %+v", r)
			}
			if n := len(w.to.Sets()); n != 49 {
				t.Errorf("%d sets", n)
			}
			w.clean()
		})
	}
}

func TestExpiryAndTagsGoAlongButNotTheProvidersOwn(t *testing.T) {
	w := newWorld(t)
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	if _, err := w.from.Set(t.Context(), provider.SetRequest{Ref: ref(1), Value: secret.NewValue([]byte(canary)), Expires: expires,
		Tags: map[string]string{"owner": "hr", "im-legacy": "true"}}); err != nil {
		t.Fatal(err)
	}
	w.planned().run()
	m, err := w.to.Describe(t.Context(), ref(1))
	if err != nil || !m.Expires.Equal(expires) || len(m.Tags) != 1 || m.Tags["owner"] != "hr" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestOnlyWhatIsWantedIsCopied(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.from.Put(ref(2), canary)
	w.planned().wanted = func(e ledger.Entry) bool { return e.Ref == ref(2) }
	if r := w.run(); r.Copied != 1 || r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
	w.is(ref(1), ledger.Planned, "", "")
}

func TestATargetThatChangedAfterThePlanIsNotOverwritten(t *testing.T) {
	for name, conditional := range map[string]bool{"with conditions": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.to.Conditional = conditional
			w.from.Put(ref(1), canary)
			w.planned()
			w.to.Put(ref(1), "by somebody")
			if r := w.run(); r.Blocked != 1 || r.Copied != 0 {
				t.Errorf("%+v", r)
			}
			w.is(ref(1), ledger.Blocked, "another value", "by somebody")
		})
	}
}

func TestReplaceTakesTheSourcesValueUnlessItIsTheOlder(t *testing.T) {
	w := newWorld(t)
	w.to.Put(ref(1), "old")
	w.from.Put(ref(1), canary)
	w.from.Put(ref(2), canary)
	for set := time.Now(); !time.Now().After(set); { // some systems' clocks tick slowly
		time.Sleep(time.Millisecond)
	}
	w.to.Put(ref(2), "newer")
	w.planned().replace = func(secret.Ref) bool { return true }
	if r := w.run(); r.Copied != 1 || r.Blocked != 1 {
		t.Errorf("%+v", r)
	}
	w.is(ref(1), ledger.Verified, "", canary)
	w.is(ref(2), ledger.Blocked, "the older never replaces the newer", "newer")
}

func TestWhatTheTargetRefusesIsBlockedAndTheRestGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		reason fault.Reason
		want   ledger.Verdict
	}{
		"for want of a right":           {fault.AccessDenied, ledger.NoPermission},
		"for its size":                  {fault.TooLarge, ledger.TooLarge},
		"for a deleted one of its name": {fault.Deleted, ledger.SoftDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put(ref(1), canary)
			w.from.Put(ref(2), canary)
			w.planned()
			w.to.Before = func(call string, r secret.Ref) error {
				if call == "set" && r == ref(1) {
					return failure(c.reason, "no way")
				}
				return nil
			}
			if r := w.run(); r.Copied != 1 || r.Blocked != 1 {
				t.Errorf("%+v", r)
			}
			w.is(ref(1), ledger.Blocked, "no way", "")
			if v := w.entry(ref(1)).Verdict; v != c.want {
				t.Errorf("verdict %s", v)
			}
			w.to.Before = nil
			w.planned().run()
			w.is(ref(1), ledger.Verified, "", canary)
		})
	}
}

func TestALostAnswerIsNotWrittenTwice(t *testing.T) {
	for name, reason := range map[string]fault.Reason{
		"when the plugin died": fault.Unavailable, "when it took too long": fault.Timeout, "when the answer made no sense": fault.Internal,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put(ref(1), canary)
			w.planned()
			w.to.After = once("set", 1, failure(reason, "lost"))
			if r := w.run(); r.Adopted != 1 || r.Verified != 1 {
				t.Errorf("%+v", r)
			}
			w.is(ref(1), ledger.Verified, "", canary)
			if n := len(w.to.Sets()); n != 1 {
				t.Errorf("%d sets", n)
			}
		})
	}
}

func TestAShortOutageOfTheTargetIsWaitedFor(t *testing.T) {
	for name, reason := range map[string]fault.Reason{"when it is down": fault.Unavailable, "when it throttles": fault.Throttled} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put(ref(1), canary)
			w.planned()
			w.to.Before = once("set", 3, failure(reason, "not now"))
			if r := w.run(); r.Copied != 1 || r.Verified != 1 {
				t.Errorf("%+v", r)
			}
			w.is(ref(1), ledger.Verified, "", canary)
		})
	}
}

func TestALongOutageEndsTheRunWhichLaterGoesOn(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.from.Put(ref(i), canary)
	}
	w.planned()
	w.to.Before = once("set", 1<<30, failure(fault.Unavailable, "it is down"))
	if _, err := transfer.Run(t.Context(), w.config()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "t.test") {
		t.Errorf("got %v", err)
	}
	counts, _ := w.ledger.Counts(t.Context())
	if counts[ledger.Planned] != 10 {
		t.Errorf("%v", counts)
	}
	w.to.Before = nil
	if r := w.run(); r.Copied != 10 {
		t.Errorf("%+v", r)
	}
}

func TestASourceThatCannotBeReadBlocksOneRef(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.from.Put(ref(2), canary)
	w.planned()
	w.from.Change(ref(1), func(e *fakestore.Entry) { e.Meta.Disabled = true })
	w.run()
	w.is(ref(1), ledger.Blocked, "disabled in s", "")
	w.is(ref(2), ledger.Verified, "", canary)
}

func TestAnInterruptStopsCleanly(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.from.Put(ref(i), canary)
	}
	w.planned()
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	w.to.After = func(call string, _ secret.Ref) error {
		if call == "set" && n.Add(1) == 10 {
			cancel()
		}
		return nil
	}
	_, err := transfer.Run(ctx, w.config())
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	open, err := w.ledger.Interrupted(t.Context())
	if err != nil || len(open) != 0 {
		t.Errorf("left open: %v, %v", open, err)
	}
	counts, _ := w.ledger.Counts(t.Context())
	if counts[ledger.Planned] < 20 || counts[ledger.Copied]+counts[ledger.Verified] < 10 {
		t.Errorf("%v", counts)
	}
	w.to.After = nil
	w.run()
	counts, _ = w.ledger.Counts(t.Context())
	if counts[ledger.Verified] != 40 || len(w.to.Sets()) != 40 {
		t.Errorf("%v after %d sets", counts, len(w.to.Sets()))
	}
	w.clean()
}

func TestATargetThatForgetsWhatItTookIsFound(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.planned()
	w.to.After = func(call string, r secret.Ref) error {
		if call == "set" {
			w.to.Change(r, func(e *fakestore.Entry) { e.Value = []byte("something else") })
		}
		return nil
	}
	w.run()
	w.is(ref(1), ledger.Blocked, "does not give it back", "something else")
}

func TestWhoComesBetweenTheCopyAndItsProofIsLeftInPeace(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.planned()
	w.to.After = func(call string, r secret.Ref) error {
		if call == "set" {
			w.to.Put(r, "by somebody")
		}
		return nil
	}
	w.run()
	w.is(ref(1), ledger.Blocked, "right after it was copied", "by somebody")
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*world)
		state       ledger.State
		says, value string
	}{
		"nothing changed": {func(*world) {}, ledger.Verified, "", canary},
		"what was rotated in the source is copied again": {func(w *world) { w.from.Put(ref(1), canary+"2") }, ledger.Verified, "", canary + "2"},
		"what was set in the target is left":             {func(w *world) { w.to.Put(ref(1), "theirs") }, ledger.Blocked, "after it was copied", "theirs"},
		"what was set in both is left": {func(w *world) { w.from.Put(ref(1), canary+"2"); w.to.Put(ref(1), "theirs") },
			ledger.Blocked, "in both stores", "theirs"},
		"what both set to one value is well": {func(w *world) { w.from.Put(ref(1), canary+"2"); w.to.Put(ref(1), canary+"2") }, ledger.Verified, "", canary + "2"},
		"what the target lost is copied again": {func(w *world) { _ = w.to.Delete(context.Background(), ref(1)) },
			ledger.Verified, "", canary},
		"what the source lost is blocked": {func(w *world) { _ = w.from.Delete(context.Background(), ref(1)) },
			ledger.Blocked, "does not give it any more", canary},
		"what the target does not show is blocked": {func(w *world) {
			w.to.Change(ref(1), func(e *fakestore.Entry) { e.Meta.Disabled = true })
		}, ledger.Blocked, "disabled in t", canary},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put(ref(1), canary)
			w.planned().run()
			c.change(w)
			w.verify()
			w.is(ref(1), c.state, c.says, c.value)
		})
	}
}

func TestARotationDuringTheCopyIsFoundByTheNextVerify(t *testing.T) {
	w := newWorld(t)
	w.from.Put(ref(1), canary)
	w.planned()
	w.to.Before = func(call string, r secret.Ref) error {
		if call == "set" && len(w.to.Sets()) == 0 {
			w.from.Put(r, canary+"2")
		}
		return nil
	}
	w.run()
	w.is(ref(1), ledger.Verified, "", canary)
	if r := w.verify(); r.Drifted != 1 || r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	w.is(ref(1), ledger.Verified, "", canary+"2")
}

func TestAfterTheSwitchADifferenceIsOnlyTold(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*world)
		says, value string
	}{
		"set in the target, where it belongs": {func(w *world) { w.to.Put(ref(1), "newer") }, "in the target after the switch", "newer"},
		"set in the source, where nobody reads it": {func(w *world) { w.from.Put(ref(1), canary+"2") },
			"in the source after the switch", canary},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put(ref(1), canary)
			w.planned().run()
			i, err := w.ledger.Begin(t.Context(), ref(1), ledger.Switch, ledger.Change{})
			if err == nil {
				err = w.ledger.End(t.Context(), i, ledger.Change{})
			}
			if err != nil {
				t.Fatal(err)
			}
			c.change(w)
			if r := w.verify(); r.Drifted != 1 || r.Copied != 0 {
				t.Errorf("%+v", r)
			}
			w.is(ref(1), ledger.Switched, c.says, c.value)
		})
	}
}
