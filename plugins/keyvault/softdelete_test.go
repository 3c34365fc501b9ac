package keyvault_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// deletedWorld has a deleted secret of the value "before".
func deletedWorld(t *testing.T, rules fakevault.Rules) (*world, secret.Metadata) {
	t.Helper()
	w := newWorld(t, setting{fake: fakevault.Config{Rules: rules}})
	m := w.mustSet(ref, "before")
	w.fake.Delete(host, nameOf(ref))
	w.clock.advance(rules.Deleting)
	w.fake.Forget()
	return w, m
}

// asked counts what the vault received for one kind of request.
func (w *world) asked(method, prefix string) (n int) {
	for _, r := range w.fake.Requests() {
		if r.Service == "vault" && r.HasToken && r.Method == method && strings.HasPrefix(r.Path, prefix) {
			n++
		}
	}
	return n
}

func TestADeletedSecretIsRecoveredAndThenSet(t *testing.T) {
	tests := map[string]struct {
		rules  fakevault.Rules
		atOnce bool // deleted in the moment before
		least  time.Duration
		rights []fakevault.Right
	}{
		"by a vault that is done at once":              {},
		"by one that takes its time":                   {rules: fakevault.Rules{Recovering: 20 * time.Second}, least: 20 * time.Second},
		"by one that recovers on after it said it was": {rules: fakevault.Rules{Recovering: 5 * time.Second, Settling: 40 * time.Second}, least: 45 * time.Second},
		"after it was deleted":                         {rules: fakevault.Rules{Deleting: 30 * time.Second}, atOnce: true, least: 30 * time.Second},
		"after it was deleted, with all waits":         {rules: fakevault.Rules{Deleting: 30 * time.Second, Recovering: 30 * time.Second, Settling: 30 * time.Second}, atOnce: true, least: 90 * time.Second},
		"by one with purge protection":                 {rules: fakevault.Rules{PurgeProtection: true}},
		"by whoever may not read":                      {rules: fakevault.Rules{Recovering: 20 * time.Second}, least: 20 * time.Second, rights: []fakevault.Right{fakevault.Set, fakevault.Recover}},
		"by whoever may not purge":                     {rights: []fakevault.Right{fakevault.Get, fakevault.List, fakevault.Set, fakevault.Recover}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{fake: fakevault.Config{Rules: tt.rules}})
			before := w.mustSet(ref, "before")
			w.fake.Delete(host, nameOf(ref))
			if !tt.atOnce {
				w.clock.advance(tt.rules.Deleting)
			}
			if tt.rights != nil {
				w.fake.Grant(w.fake.ClientID, tt.rights...)
			}
			m := w.mustSet(ref, canary)
			w.fake.Grant(w.fake.ClientID, fakevault.Officer()...)
			w.mustHold(ref, canary)
			if versions := w.versions(ref); len(versions) != 2 || versions[0].Version != m.Version || versions[1].Version != before.Version {
				t.Errorf("the versions are %+v", versions)
			}
			if n := w.asked("DELETE", "/deletedsecrets"); n > 0 {
				t.Error("the deleted secret was purged")
			}
			if slept := w.clock.total(); slept < tt.least || slept > tt.least+15*time.Second {
				t.Errorf("it waited %s, want about %s", slept, tt.least)
			}
			log := w.logs.String()
			want := fmt.Sprintf(`"msg":"deleted secret holds the name in key vault and is being recovered","ref":"%s","name":"%s"`, ref, nameOf(ref))
			if !strings.Contains(log, want) || strings.Count(log, saysWritten) != 2 {
				t.Errorf("the log does not tell of it:\n%s", log)
			}
		})
	}
}

func TestADeletedSecretThatMayNotBeRecoveredIsToldWithBothFacts(t *testing.T) {
	for name, policies := range map[string]bool{"by a role": false, "by an access policy": true} {
		t.Run(name, func(t *testing.T) {
			w, _ := deletedWorld(t, fakevault.Rules{AccessPolicies: policies})
			w.fake.Grant(w.fake.ClientID, fakevault.Get, fakevault.List, fakevault.Set, fakevault.Purge)
			_, err := w.set(ref, canary)
			f := wantReason(t, err, fault.Deleted, string(ref), nameOf(ref), host, "a deleted secret holds this name", "could not be recovered",
				"ObjectIsDeletedButRecoverable", "Key Vault Secrets Officer", "Forbidden",
				"az keyvault secret recover --vault-name contoso-im --name "+nameOf(ref))
			if f.RequestID == "" {
				t.Error("there is no request id")
			}
			if w.asked("DELETE", "") > 0 || strings.Count(w.logs.String(), saysWritten) != 1 {
				t.Error("it was purged, or is said to be written")
			}
			w.fake.Grant(w.fake.ClientID, fakevault.Officer()...)
			if _, err := w.get(ref); !fault.Is(err, fault.Deleted) {
				t.Errorf("the secret is no longer deleted: %v", err)
			}
		})
	}
}

func TestARecoveryThatFailsForAnotherReasonKeepsThatReason(t *testing.T) {
	w, _ := deletedWorld(t, fakevault.Rules{})
	a := throttled(-1)
	a.Method = "POST"
	w.fake.Fail(a)
	_, err := w.set(ref, canary)
	wantReason(t, err, fault.Throttled, "could not be recovered", "nothing was written", "ObjectIsDeletedButRecoverable")
}

func TestARecoveryWhoseAnswerIsLostIsWaitedFor(t *testing.T) {
	for name, applied := range map[string]bool{"and was begun": true, "and was not": false} {
		t.Run(name, func(t *testing.T) {
			w, _ := deletedWorld(t, fakevault.Rules{Recovering: 10 * time.Second})
			w.fake.Fail(fakevault.Answer{Method: "POST", Status: 504, Apply: applied})
			w.mustSet(ref, canary)
			w.mustHold(ref, canary)
		})
	}
}

func TestARecoveryThatSomebodyElseBeganOrOvertookIsWaitedFor(t *testing.T) {
	for name, refusal := range map[string]fakevault.Answer{
		"recovered by another": {Status: 409, Body: fakevault.Refusal("Conflict", "ObjectIsBeingRecovered", "said by the vault")},
		"purged by another":    {Status: 404, Body: fakevault.Refusal("SecretNotFound", "", "said by the vault")},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := deletedWorld(t, fakevault.Rules{})
			refusal.Method = "POST"
			w.fake.Fail(refusal)
			w.mustSet(ref, canary)
			w.mustHold(ref, canary)
		})
	}
}

func TestAVaultThatNeverFinishesIsGivenUpAfterTwoMinutes(t *testing.T) {
	tests := map[string]struct {
		rules fakevault.Rules
		state string
	}{
		"recovering":                     {fakevault.Rules{Recovering: time.Hour}, "being recovered"},
		"recovering, though it says not": {fakevault.Rules{Settling: time.Hour}, "being recovered"},
		"deleting":                       {fakevault.Rules{Deleting: time.Hour}, "being deleted"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{fake: fakevault.Config{Rules: tt.rules}})
			w.mustSet(ref, "before")
			w.fake.Delete(host, nameOf(ref))
			_, err := w.set(ref, canary)
			f := wantReason(t, err, fault.Timeout, tt.state, "nothing was written", "set it again", string(ref), nameOf(ref), host)
			if slept := w.clock.total(); slept < 110*time.Second || slept > 2*time.Minute || strings.Contains(f.Message, "deadline") {
				t.Errorf("it waited %s: %s", slept, f.Message)
			}
			if strings.Count(w.logs.String(), saysWritten) != 1 {
				t.Error("the log says that it was written")
			}
		})
	}
}

func TestADeadlineShorterThanTheWaitSaysWhatStateTheVaultIsIn(t *testing.T) {
	tests := map[string]struct {
		rules fakevault.Rules
		state string
	}{
		"being recovered": {fakevault.Rules{Recovering: time.Hour}, "still being recovered"},
		"being deleted":   {fakevault.Rules{Deleting: time.Hour}, "still being deleted"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{fake: fakevault.Config{Rules: tt.rules}})
			w.mustSet(ref, "before")
			w.fake.Delete(host, nameOf(ref))
			_, err := w.Set(within(t, 1300*time.Millisecond), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
			wantReason(t, w.note(err), fault.Timeout, tt.state, "the deadline leaves no time", "nothing was written", string(ref), nameOf(ref), host)
			if len(w.clock.slept) > 0 {
				t.Errorf("it waited %s that it did not have", w.clock.total())
			}
		})
	}
}

func TestACallerWhoLeavesWhileTheVaultRecoversIsToldItsState(t *testing.T) {
	w, _ := deletedWorld(t, fakevault.Rules{Recovering: time.Hour})
	ctx, cancel := context.WithCancel(w.ctx())
	defer cancel()
	w.clock.asleep = cancel
	_, err := w.Set(ctx, provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	wantReason(t, w.note(err), fault.Cancelled, "being recovered", "when the caller gave up", "nothing was written")
}

func TestAConflictOfAnotherKindIsWaitedFor(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(onPut(fakevault.Answer{Status: 409, Times: 3, Body: fakevault.Refusal("Conflict", "", "said by the vault")}))
	w.mustSet(ref, canary)
	w.mustHold(ref, canary)
	if len(w.clock.slept) != 3 {
		t.Errorf("it waited %d times", len(w.clock.slept))
	}
}

func TestADeletedSecretIsRecoveredAlsoWhereTheConflictHasNoName(t *testing.T) {
	w, _ := deletedWorld(t, fakevault.Rules{})
	w.fake.Fail(onPut(fakevault.Answer{Status: 409, Body: fakevault.Refusal("Conflict", "", "said by the vault")}))
	w.mustSet(ref, canary)
	w.mustHold(ref, canary)
	if n := w.requests("PUT"); n != 2 {
		t.Errorf("it was sent %d times", n)
	}
}

func TestASetIsOverWhenTheRecoveredValueIsSeenNoMore(t *testing.T) {
	old := func(m secret.Metadata) fakevault.Answer {
		return fakevault.Answer{Method: "GET", Status: 200, Body: fmt.Sprintf(
			`{"value":"b2xk","id":"https://%s/secrets/%s/%s","attributes":{"enabled":true,"created":%d}}`, host, m.Name, m.Version, m.Created.Unix())}
	}
	pass := fakevault.Answer{Method: "GET", Delay: time.Millisecond, Times: 2} // before the recovery, and behind it
	t.Run("though it is for a while", func(t *testing.T) {
		w, m := deletedWorld(t, fakevault.Rules{})
		stale := old(m)
		stale.Times = 3
		w.fake.Fail(pass, stale)
		w.mustSet(ref, canary)
		w.mustHold(ref, canary)
		if len(w.clock.slept) != 4 {
			t.Errorf("it waited %d times", len(w.clock.slept))
		}
	})
	t.Run("though it is of the same second", func(t *testing.T) {
		moment := time.Now()
		w := newWorld(t, setting{fake: fakevault.Config{Now: func() time.Time { return moment }}})
		stale := old(w.mustSet(ref, "before"))
		w.mustDelete(ref)
		stale.Times = 3
		w.fake.Fail(pass, stale)
		w.mustSet(ref, canary)
		if len(w.clock.slept) != 4 {
			t.Errorf("it waited %d times", len(w.clock.slept))
		}
	})
	t.Run("or the fault says so", func(t *testing.T) {
		w, m := deletedWorld(t, fakevault.Rules{})
		stale := old(m)
		stale.Times = -1
		w.fake.Fail(pass, stale)
		_, err := w.set(ref, canary)
		wantReason(t, err, fault.Timeout, "stored as version", "not yet the one that the vault serves", string(ref), nameOf(ref), host)
		w.fake.Heal()
		w.mustHold(ref, canary)
	})
	t.Run("or somebody else wrote later", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		w.fake.Fail(pass, fakevault.Answer{Method: "GET", Delay: 300 * time.Millisecond})
		go func() {
			for w.requests("PUT") < 2 {
				time.Sleep(time.Millisecond)
			}
			w.fake.Put(host, nameOf(ref), "bGF0ZXI=") // perhaps in the same second
		}()
		w.mustSet(ref, canary)
		w.mustHold(ref, "later")
	})
}

func TestWritersOfOneDeletedSecretAllWrite(t *testing.T) {
	const writers = 6
	w, _ := deletedWorld(t, fakevault.Rules{Recovering: 10 * time.Second, Settling: 5 * time.Second})
	var group sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		group.Go(func() {
			_, errs[i] = w.Set(w.ctx(), provider.SetRequest{Ref: ref, Value: secret.NewValue(fmt.Append(nil, canary, i))})
		})
	}
	group.Wait()
	for i, err := range errs {
		if w.note(err) != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	got, err := w.get(ref)
	if err != nil || !strings.HasPrefix(string(got.Value.Reveal()), canary) {
		t.Errorf("what is current is none of what was written: %v", err)
	}
	if n := len(w.versions(ref)); n != writers+1 {
		t.Errorf("there are %d versions", n)
	}
}
