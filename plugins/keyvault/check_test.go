package keyvault_test

import (
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestCheckSaysWhatWorksAndWhoWeAre(t *testing.T) {
	w := newWorld(t, setting{})
	report, err := w.Check(w.ctx())
	if err != nil {
		t.Fatal(err)
	}
	wantID := "EnvironmentCredential (application " + w.fake.ClientID + ", object " + w.fake.ClientID + ", tenant " + w.fake.Tenant + ")"
	if report.Target != fakevault.DefaultHost || report.Identity != wantID {
		t.Errorf("target %q, identity %q, want %q", report.Target, report.Identity, wantID)
	}
	want := map[string]struct{ ok, skipped bool }{"read": {ok: true}, "list": {ok: true}, "write": {skipped: true}}
	for _, r := range report.Results {
		if r.OK != want[r.Name].ok || r.Skipped != want[r.Name].skipped || r.Message == "" {
			t.Errorf("%+v", r)
		}
	}
	if len(report.Results) != len(want) {
		t.Errorf("%d results", len(report.Results))
	}
	if w.requests("PUT")+w.requests("DELETE") != 0 {
		t.Error("the check wrote")
	}
}

func TestAFailedCheckIsPartOfTheReport(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(fakevault.Answer{Path: "/secrets/im-permission-check", Status: 403, Body: fakevault.Refusal("Forbidden", "ForbiddenByRbac", "no")})
	report, err := w.Check(w.ctx())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Name == "read" && (r.OK || !strings.Contains(r.Message, "Key Vault Secrets User")) {
			t.Errorf("%+v", r)
		}
		if r.Name == "list" && !r.OK {
			t.Errorf("%+v", r)
		}
	}
}

// TestAHostSeesTheProviderThroughTheContract goes the whole way of a host but
// for the process: gRPC, the SDK's limits and the host's checks of answers.
func TestAHostSeesTheProviderThroughTheContract(t *testing.T) {
	w := newWorld(t, setting{}) // for the environment and the fake
	def := keyvault.Define(keyvault.Options{Version: "0.1.0", Watch: watch,
		Network: vault.Network{Dial: w.fake.Dial, RootCAs: w.fake.RootCAs()}})
	host := plugintest.Open(t, def, map[string]any{"VaultUri": "https://contoso-im.vault.azure.net", "credential": "environment", "VaultUrl": "x"})
	if len(host.Warnings) != 1 || host.Warnings[0].Path != "VaultUrl" {
		t.Errorf("warnings: %v", host.Warnings)
	}
	info := host.Info()
	for _, c := range []facade.Capability{facade.List, facade.ListComplete, facade.Write, facade.Delete, facade.SoftDelete, facade.Recover,
		facade.Purge, facade.Versions, facade.Expiry, facade.Tags} {
		if !info.Capabilities.Has(c) {
			t.Errorf("%s is not offered", c)
		}
	}
	if info.Capabilities.Has(facade.ConditionalSet) {
		t.Error("a conditional set is offered, which the service does not have")
	}
	if info.Limits.MaxValueBytes != 19_200 {
		t.Errorf("the largest value is said to have %d bytes", info.Limits.MaxValueBytes)
	}
	m, err := host.Set(w.ctx(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	if err != nil {
		t.Fatal(err)
	}
	got, err := host.Get(w.ctx(), ref, m.Version)
	if err != nil || string(got.Value.Reveal()) != canary {
		t.Fatalf("get: %v", err)
	}
	page, err := host.List(w.ctx(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 1 || !page.Complete || page.Items[0].Ref != ref {
		t.Errorf("list: %+v, %v", page, err)
	}
	w.fake.Fail(forbidden("ForbiddenByRbac"))
	_, err = host.Get(w.ctx(), ref, secret.Current)
	wantReason(t, w.note(err), fault.AccessDenied, "Key Vault Secrets User", "said by the vault")
	if err := host.Delete(w.ctx(), ref); err != nil {
		t.Fatal(err)
	}
	_, err = host.Describe(w.ctx(), ref)
	wantReason(t, w.note(err), fault.Deleted)
	if back, err := host.Recover(w.ctx(), ref); err != nil || back.Version != m.Version {
		t.Errorf("recover: %+v, %v", back, err)
	}
	versions, err := host.ListVersions(w.ctx(), ref, provider.ListRequest{Size: 10})
	if err != nil || len(versions.Items) != 1 || versions.Items[0].Version != m.Version {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	wantReason(t, w.note(host.Purge(w.ctx(), ref)), fault.AlreadyExists)
	if err := host.Delete(w.ctx(), ref); err != nil {
		t.Fatal(err)
	}
	if err := host.Purge(w.ctx(), ref); err != nil {
		t.Fatal(err)
	}
}
