package secrets_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/secrets"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// vault is a provider that remembers what it handed out.
type vault struct {
	values map[secret.Ref]string
	handed []secret.Value
	asked  []secret.Version
}

func (v *vault) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	v.asked = append(v.asked, version)
	if ref == "secret://slow" {
		<-ctx.Done()
		return secret.Secret{}, ctx.Err()
	}
	text, ok := v.values[ref]
	if !ok {
		return secret.Secret{}, fault.New(fault.NotFound, fault.SourceBackend, "there is none")
	}
	value := secret.NewValue([]byte(text))
	v.handed = append(v.handed, value)
	return secret.Secret{Value: value}, nil
}

func TestEachRefIsReadOnceInItsCurrentVersion(t *testing.T) {
	v := &vault{values: map[secret.Ref]string{"secret://a": "1", "secret://b": "2"}}
	got, err := secrets.Resolve(t.Context(), v, []secret.Ref{"secret://a", "secret://b", "secret://a"}, time.Minute)
	if err != nil || string(got["secret://a"].Reveal()) != "1" || string(got["secret://b"].Reveal()) != "2" || len(v.asked) != 2 {
		t.Fatalf("got %v, %v after %d reads", got, err, len(v.asked))
	}
	for _, version := range v.asked {
		if version != secret.Current {
			t.Errorf("asked for version %q", version)
		}
	}
	got.Wipe()
	for _, value := range v.handed {
		if value.Reveal() != nil {
			t.Error("a value survives Wipe")
		}
	}
}

func TestFailureNamesTheRefAndLeavesNothing(t *testing.T) {
	v := &vault{values: map[secret.Ref]string{"secret://a": "1"}}
	_, err := secrets.Resolve(t.Context(), v, []secret.Ref{"secret://a", "secret://missing"}, time.Minute)
	if fault.Of(err) != fault.NotFound || !strings.Contains(err.Error(), "secret://missing") || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("got %v", err)
	}
	if len(v.handed) != 1 || v.handed[0].Reveal() != nil {
		t.Error("the value that was read before the failure is not wiped")
	}
}

func TestOneReadHasALimit(t *testing.T) {
	begin := time.Now()
	_, err := secrets.Resolve(t.Context(), &vault{}, []secret.Ref{"secret://slow"}, 20*time.Millisecond)
	if err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}
