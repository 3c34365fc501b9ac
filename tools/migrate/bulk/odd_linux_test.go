package bulk_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestOddSecretsMeetTheVault(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := newWorld(t)
	from, vault := w.carrier("appsettings.json", "DPAPI"), w.carrier("appsettings.json", "AzureKeyVault")
	set := func(ref secret.Ref, value string, tags map[string]string) {
		t.Helper()
		if _, err := from.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value)), Tags: tags}); err != nil {
			t.Fatal(err)
		}
	}
	largest := strings.Repeat("x", 19_200)
	set("secret://odd/largest", largest, nil)
	set("secret://odd/too-large", largest+"x", nil)
	set("secret://odd/empty", "", nil)
	set("secret://odd/tagged", canary+"1", map[string]string{"owner": "hr"})
	set("secret://odd/"+secret.Ref(strings.Repeat("long", 100)), canary+"2", nil)
	set("secret://odd/bytes", "\x00\xff\r\n", nil)
	set("secret://odd/deleted", canary+"3", nil)
	set("secret://odd/disabled", canary+"4", nil)
	set("secret://odd/taken", canary+"5", nil)

	// A name that a deleted secret holds, one that is switched off, and one whose entry
	// says that it is another's.
	if _, err := vault.Set(t.Context(), provider.SetRequest{Ref: "secret://odd/deleted", Value: secret.NewValue([]byte("old"))}); err != nil {
		t.Fatal(err)
	}
	if err := vault.Delete(t.Context(), "secret://odd/deleted"); err != nil {
		t.Fatal(err)
	}
	w.there("secret://odd/disabled", []byte("old"))
	w.tell(http.MethodPost, vaultHost+"/"+naming.Name("secret://odd/disabled")+"/disabled", "")

	w.must(6, []string{"plan", "--to", "AzureKeyVault"}, "soft-deleted", "too-large", "larger than the 19200 bytes", "differs", "SecretDisabled",
		"a run cannot take over everything")
	w.must(6, []string{"run"}, "     7  copied", "blocked: secret://odd/too-large", "blocked: secret://odd/disabled")
	for ref, want := range map[secret.Ref]string{
		"secret://odd/largest": largest, "secret://odd/empty": "", "secret://odd/tagged": canary + "1", "secret://odd/bytes": "\x00\xff\r\n",
		"secret://odd/" + secret.Ref(strings.Repeat("long", 100)): canary + "2", "secret://odd/deleted": canary + "3", "secret://odd/taken": canary + "5",
	} {
		got, err := vault.Get(t.Context(), ref, secret.Current)
		if err != nil || !bytes.Equal(got.Value.Reveal(), []byte(want)) {
			t.Errorf("%s: %v, or another value", ref, err)
		}
		if ref == "secret://odd/tagged" && got.Metadata.Tags["owner"] != "hr" {
			t.Errorf("its tags are %v", got.Metadata.Tags)
		}
	}

	// Once they are seen to, nothing is in the way.
	w.tell(http.MethodPost, vaultHost+"/"+naming.Name("secret://odd/disabled")+"/disabled?value=false", "")
	set("secret://odd/too-large", largest, nil)
	set("secret://odd/disabled", "old", nil)
	w.must(0, []string{"plan"}, "a run can take over everything")
	w.must(0, []string{"run"}, "     1  copied", "     1  in the target already")
	w.must(0, []string{"verify"}, "     9  verified")
	w.clean(canary)
}

func TestMissingRightsInTheVaultAreSeenBeforeAnythingIsCopied(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := newWorld(t)
	from := w.carrier("appsettings.json", "DPAPI")
	for i := range 3 {
		if _, err := from.Set(t.Context(), provider.SetRequest{Ref: ref(i), Value: secret.NewValue(value(i))}); err != nil {
			t.Fatal(err)
		}
	}
	// May list and read, and not write.
	var principal struct{ ClientID, ClientSecret string }
	if err := json.Unmarshal(w.tell(http.MethodPost, "principals", `["get","list"]`), &principal); err != nil {
		t.Fatal(err)
	}
	w.signIn(principal.ClientID, principal.ClientSecret)
	w.must(0, []string{"plan", "--to", "AzureKeyVault"}, "the target's right to write: not tried", "Key Vault Secrets Officer")
	w.must(6, []string{"run"}, "     3  blocked now", "give the missing right", "ForbiddenByRbac")

	// May do nothing at all.
	if err := json.Unmarshal(w.tell(http.MethodPost, "principals", `[]`), &principal); err != nil {
		t.Fatal(err)
	}
	w.signIn(principal.ClientID, principal.ClientSecret)
	w.must(6, []string{"plan"}, "3     no-permission", "ForbiddenByRbac")
	w.clean(canary)
}
