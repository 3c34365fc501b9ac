package keyvault_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func onPut(a fakevault.Answer) fakevault.Answer {
	a.Method = "PUT"
	return a
}

func TestAWriteWhoseAnswerWasLostIsReadBackBeforeItIsSentAgain(t *testing.T) {
	other := `{"value":"YQ==","id":"https://contoso-im.vault.azure.net/secrets/other/0123"}`
	tests := map[string]struct {
		answer fakevault.Answer
		sent   int
	}{
		"a gateway lost the answer":                 {fakevault.Answer{Status: 504, Apply: true}, 1},
		"a gateway lost the request":                {fakevault.Answer{Status: 504}, 2},
		"the vault failed after it wrote":           {fakevault.Answer{Status: 500, Apply: true}, 1},
		"the vault was out of order":                {fakevault.Answer{Status: 503}, 2},
		"the connection broke after the write":      {fakevault.Answer{Drop: true, Apply: true}, 1},
		"the connection broke before the write":     {fakevault.Answer{Drop: true}, 2},
		"the answer was cut off":                    {fakevault.Answer{Cut: true, Apply: true, Status: 200, Body: other}, 1},
		"the answer made no sense":                  {fakevault.Answer{Status: 200, Body: "<html>", Apply: true}, 1},
		"a proxy said it was written and it wasn't": {fakevault.Answer{Status: 200, Body: "<html>"}, 2},
		"the answer was about another secret":       {fakevault.Answer{Status: 200, Body: other, Apply: true}, 1},
		"throttled, it was not read back at all":    {throttled(2), 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			before := w.mustSet(ref, "before")
			w.fake.Forget()
			w.fake.Fail(onPut(tt.answer))
			m := w.mustSet(ref, canary)
			if n := w.requests("PUT"); n != tt.sent {
				t.Errorf("it was sent %d times, want %d", n, tt.sent)
			}
			versions := w.versions(ref)
			if len(versions) != 2 || versions[0].Version != m.Version || versions[1].Version != before.Version {
				t.Errorf("the versions are %+v, set answered %s", versions, m.Version)
			}
			w.mustHold(ref, canary)
			if n := strings.Count(w.logs.String(), saysWritten); n != 2 {
				t.Errorf("the log tells of %d writes", n)
			}
		})
	}
}

func TestAnAnswerThatComesTooLateLeavesTimeToReadBack(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, "before")
	w.fake.Fail(onPut(fakevault.Answer{Hang: true, Apply: true}),
		fakevault.Answer{Method: "GET", Delay: time.Millisecond}, // the look before the write
		fakevault.Answer{Method: "GET", Delay: 400 * time.Millisecond})
	m, err := w.Set(within(t, 2800*time.Millisecond), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	if w.note(err) != nil {
		t.Fatal(err)
	}
	if versions := w.versions(ref); len(versions) != 2 || versions[0].Version != m.Version {
		t.Errorf("got %s of %+v", m.Version, versions)
	}
}

func TestAWriteIsFoundUnderALaterOne(t *testing.T) {
	for name, disabled := range map[string]bool{"that can be read": false, "that is disabled": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.mustSet(ref, "before")
			w.fake.Fail(onPut(fakevault.Answer{Status: 504, Apply: true}),
				fakevault.Answer{Method: "GET", Delay: time.Millisecond}, // the look before the write
				fakevault.Answer{Method: "GET", Delay: 300 * time.Millisecond})
			go func() {
				for w.requests("PUT") < 2 {
					time.Sleep(time.Millisecond)
				}
				w.clock.advance(2 * time.Second)
				w.fake.Put(host, nameOf(ref), "bGF0ZXI=")
				w.fake.Disable(host, nameOf(ref), disabled)
			}()
			m := w.mustSet(ref, canary)
			if got, err := w.Get(w.ctx(), ref, m.Version); err != nil || string(got.Value.Reveal()) != canary {
				t.Errorf("version %s is not what was set: %v", m.Version, err)
			}
			if versions := w.versions(ref); len(versions) != 3 || versions[1].Version != m.Version {
				t.Errorf("got %s of %+v", m.Version, versions)
			}
		})
	}
}

func TestAVersionWithAnothersValueIsNotTakenForOurs(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(onPut(fakevault.Answer{Status: 504, Apply: true}))
	forged := "Zm9yZ2Vk"
	go func() {
		for w.requests("PUT") < 1 {
			time.Sleep(time.Millisecond)
		}
		w.fake.SetText(host, nameOf(ref), &forged)
	}()
	w.fake.Fail(fakevault.Answer{Method: "GET", Delay: time.Millisecond}, fakevault.Answer{Method: "GET", Delay: 300 * time.Millisecond})
	w.mustSet(ref, canary)
	w.mustHold(ref, canary)
}

func TestAWriteThatNeverArrivesIsGivenUpWithWhatIsKnown(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, "before")
	w.fake.Forget()
	a := onPut(fakevault.Answer{Status: 504})
	a.Times = 10
	w.fake.Fail(a)
	_, err := w.set(ref, canary)
	wantReason(t, err, fault.Unavailable, "sent 3 times", "did not have it when it was read back", "504", string(ref), nameOf(ref), host)
	if n := w.requests("PUT"); n != 3 {
		t.Errorf("it was sent %d times", n)
	}
	w.fake.Heal()
	w.mustHold(ref, "before")
}

func TestAnOutcomeThatCannotBeReadBackIsSaidToBeUnknown(t *testing.T) {
	tests := map[string]struct {
		back fakevault.Answer
		says string
	}{
		"the vault is out of order": {fakevault.Answer{Status: 503}, "503"},
		"the right was taken away":  {forbidden("ForbiddenByRbac"), "Key Vault Secrets User"},
		"something else answers":    {fakevault.Answer{Status: 200, Body: "<html>"}, "could not be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.mustSet(ref, "before")
			w.fake.Forget()
			tt.back.Method, tt.back.Times = "GET", -1
			w.fake.Fail(onPut(fakevault.Answer{Status: 504, Apply: true}), fakevault.Answer{Method: "GET", Delay: time.Millisecond}, tt.back)
			_, err := w.set(ref, canary)
			wantReason(t, err, fault.Unavailable, "unknown", "504", tt.says, "describe the secret", string(ref), nameOf(ref), host)
			if n := w.requests("PUT"); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
			if n := strings.Count(w.logs.String(), saysWritten); n != 1 {
				t.Error("the log says that it was written")
			}
		})
	}
}

func TestAWriteIsNotSentAgainWhenNoTimeIsLeft(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, "before")
	w.fake.Forget()
	w.fake.Fail(onPut(fakevault.Answer{Status: 504}))
	_, err := w.Set(within(t, 1200*time.Millisecond), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	wantReason(t, w.note(err), fault.Unavailable, "did not have it", "no time is left")
	if n := w.requests("PUT"); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
}

func TestAWriteWhoseCallerLeavesIsNotSentAgain(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, "before")
	w.fake.Forget()
	w.fake.Fail(onPut(fakevault.Answer{Hang: true}))
	ctx, cancel := context.WithCancel(w.ctx())
	defer cancel()
	time.AfterFunc(300*time.Millisecond, cancel)
	_, err := w.Set(ctx, provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	wantReason(t, w.note(err), fault.Cancelled, "may or may not have happened")
	if n := w.requests("PUT"); n > 1 {
		t.Errorf("it was sent %d times", n)
	}
}
