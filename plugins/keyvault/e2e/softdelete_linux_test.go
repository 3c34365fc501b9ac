package e2e_test

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

// With real waits: the vault takes its time as the service does, only less of it.
func TestADeletedSecretIsSetAgainByTheRealPlugin(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fake := vaultOf(t)
	fake.Change(func(r *fakevault.Rules) {
		r.Deleting, r.Recovering, r.Settling = 400*time.Millisecond, 700*time.Millisecond, 700*time.Millisecond
	})
	s := newSite(t, fake, vaultURI, "AZURE_TENANT_ID="+fake.Tenant, "AZURE_CLIENT_ID="+fake.ClientID, "AZURE_CLIENT_SECRET="+fake.ClientSecret)
	admin, reader := s.administrator(), s.resolver()
	set := func(ctx context.Context, value string) error {
		_, err := admin.Set(ctx, provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value))})
		return err
	}
	if err := set(s.ctx(), "before"); err != nil {
		t.Fatal(err)
	}
	if err := admin.Delete(s.ctx(), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Get(s.ctx(), ref, secret.Current); !fault.Is(err, fault.Deleted) {
		t.Errorf("got %v", err)
	}
	if err := set(s.ctx(), canary); err != nil {
		t.Fatal(err)
	}
	got, err := reader.Get(s.ctx(), ref, secret.Current)
	if err != nil || string(got.Value.Reveal()) != canary {
		t.Errorf("the value is not the new one: %v", err)
	}
	if !strings.Contains(s.logs.String(), "deleted secret holds the name in key vault and is being recovered") {
		t.Error("the log does not tell of the recovery")
	}

	// The host's deadline is shorter than the vault's wait: the plugin says so in
	// time, in its own words.
	fake.Change(func(r *fakevault.Rules) { r.Recovering = time.Hour })
	if err := admin.Delete(s.ctx(), ref); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err = set(ctx, canary)
	if !fault.Is(err, fault.Timeout) || !strings.Contains(err.Error(), "still being recovered") || !strings.Contains(err.Error(), fakevault.DefaultHost) {
		t.Errorf("got %v", err)
	}
}
