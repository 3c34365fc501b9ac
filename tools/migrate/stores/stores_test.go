package stores_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

func value(text string) secret.Value { return secret.NewValue([]byte(text)) }

func TestAFingerprintKnowsItsValueAndNothingElse(t *testing.T) {
	f := stores.NewFingerprints()
	a := f.Of(value("a"))
	if !a.Equal(f.Of(value("a"))) || a.Equal(f.Of(value("b"))) || a.Equal(f.Of(value(""))) || a.Equal(stores.Fingerprint{}) {
		t.Error("values are confused")
	}
	if a.Equal(stores.NewFingerprints().Of(value("a"))) {
		t.Error("two processes would have the same fingerprint")
	}
}

func TestAFingerprintCannotBePrinted(t *testing.T) {
	a := stores.NewFingerprints().Of(value("a"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, a); got != "[fingerprint]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if text, err := json.Marshal(a); err != nil || string(text) != "{}" {
		t.Errorf("JSON is %s, %v", text, err)
	}
}

func TestReadsAreRepeatedOnlyForWhatPasses(t *testing.T) {
	for name, c := range map[string]struct {
		reason fault.Reason
		fails  int
		reads  int
		ok     bool
	}{
		"an outage that ends":        {fault.Unavailable, 4, 5, true},
		"a refusal for the rate":     {fault.Throttled, 2, 3, true},
		"an outage that lasts":       {fault.Unavailable, 100, 5, false},
		"a missing right":            {fault.AccessDenied, 100, 1, false},
		"a value that does not open": {fault.Undecryptable, 100, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake, reads := fakestore.New("s"), 0
			fake.Put("secret://a", "x")
			fake.Before = func(string, secret.Ref) error {
				if reads++; reads <= c.fails {
					return fault.New(c.reason, fault.SourceBackend, "no")
				}
				return nil
			}
			_, err := fake.Store().Read(t.Context(), "secret://a")
			if reads != c.reads || (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), c.reason.String()) {
				t.Errorf("%d reads, %v", reads, err)
			}
		})
	}
}

func TestAMessageThatHoldsTheValueIsNotRepeated(t *testing.T) {
	for name, c := range map[string]struct{ value, message, want string }{
		"with it":              {"hunter2", `the field "hunter2" is refused`, "the message of the provider s held the value"},
		"without it":           {"hunter2", "the store is full", "the store is full"},
		"of a letter, as most": {"t", "the store is full", "the store is full"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := fakestore.New("s")
			refused := fault.New(fault.Throttled, fault.SourceBackend, c.message)
			refused.RetryAfter = time.Minute
			fake.Before = func(string, secret.Ref) error { return refused }
			_, err := fake.Store().Set(t.Context(), provider.SetRequest{Ref: "secret://a", Value: value(c.value)})
			var got *fault.Error
			if !errors.As(err, &got) || got.Reason != fault.Throttled || got.Source != fault.SourceBackend || got.RetryAfter != time.Minute ||
				!strings.Contains(err.Error(), c.want) || len(c.value) > 1 && strings.Contains(err.Error(), c.value) {
				t.Errorf("got %v", err)
			}
		})
	}
}
