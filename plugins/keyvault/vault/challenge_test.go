package vault_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

const tenantAddress = `authorization="https://login.windows.net/00000000-0000-0000-0000-00000000000a"`

// challenging answers requests without a token with a challenge of ours.
func challenging(headers ...string) *stub {
	return &stub{challenge: func(*http.Request) (*http.Response, error) {
		response := respond(401, refusal("Unauthorized", ""))
		response.Header["Www-Authenticate"] = headers
		return response, nil
	}}
}

func TestAChallengeThatIsNotTheVaultsGetsNoToken(t *testing.T) {
	tests := map[string]struct{ challenge, says string }{
		"an authority without a path":           {`Bearer authorization="https://login", resource="https://vault.azure.net"`, "sign-in address"},
		"an authority that is no address":       {`Bearer authorization="x", resource="https://vault.azure.net"`, "sign-in address"},
		"an authority of slashes":               {`Bearer authorization="////", resource="https://vault.azure.net"`, "sign-in address"},
		"an authority without https":            {`Bearer authorization="http://login.windows.net/a", resource="https://vault.azure.net"`, "sign-in address"},
		"a tenant that is none":                 {`Bearer authorization="https://login.windows.net/a%20b", resource="https://vault.azure.net"`, "sign-in address"},
		"no resource":                           {`Bearer ` + tenantAddress, "no resource"},
		"an empty resource":                     {`Bearer ` + tenantAddress + `, resource=""`, "no resource"},
		"the resource of another service":       {`Bearer ` + tenantAddress + `, resource="https://storage.azure.com"`, "https://vault.azure.net"},
		"the resource of another cloud":         {`Bearer ` + tenantAddress + `, resource="https://vault.azure.cn"`, "https://vault.azure.net"},
		"an ending of our name that is too few": {`Bearer ` + tenantAddress + `, resource="https://net"`, "https://vault.azure.net"},
		"an ending that is not the vaults'":     {`Bearer ` + tenantAddress + `, resource="https://azure.net"`, "https://vault.azure.net"},
		"the vault itself as resource":          {`Bearer ` + tenantAddress + `, resource="https://contoso-im.vault.azure.net"`, "https://vault.azure.net"},
		"a resource with a user":                {`Bearer ` + tenantAddress + `, resource="https://a@vault.azure.net"`, "https://vault.azure.net"},
		"a resource without https":              {`Bearer ` + tenantAddress + `, resource="http://vault.azure.net"`, "https://vault.azure.net"},
		"a resource that is no address":         {`Bearer ` + tenantAddress + `, resource="%zz"`, "https://vault.azure.net"},
		"a scope before a good resource":        {`Bearer ` + tenantAddress + `, resource="https://vault.azure.net" scope="https://graph.microsoft.com"`, "graph.microsoft.com"},
		"another scheme":                        {`Basic realm="x"`, "no resource"},
		"only a scheme":                         {`Bearer`, "no resource"},
		"no challenge at all":                   {``, "WWW-Authenticate"},
		"a challenge beyond reading":            {`Bearer ` + tenantAddress + `, resource="https://` + strings.Repeat("x", 60_000) + `"`, "xxx..."},
		"claims of a scheme that is not ours":   {`Other error="insufficient_claims", claims="e30="`, "no resource"},
		"claims that cannot be read":            {`Bearer error="insufficient_claims", claims="?"`, "claims that cannot be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := challenging(tt.challenge)
			_, _, err := s.client(t, time.Minute).Get(t.Context(), target("x"), "")
			f := wantFault(t, err, fault.AuthFailed, "challenge was refused, and no token was sent", tt.says)
			if f.ConfigPath != "VaultUri" || len(f.Message) > contract.MaxTextBytes {
				t.Errorf("config path %q, %d bytes", f.ConfigPath, len(f.Message))
			}
			if len(s.tokens) != 0 || s.count(true) != 0 {
				t.Errorf("%d tokens were asked for, %d sent", len(s.tokens), s.count(true))
			}
			if n := s.count(false); n != 1 {
				t.Errorf("%d requests", n)
			}
			if s.logs.Len() != 0 {
				t.Errorf("the log has %s", s.logs.String())
			}
		})
	}
}

func TestEveryFormOfTheVaultsOwnChallengeIsAnswered(t *testing.T) {
	for name, tt := range map[string]struct {
		header []string
		tenant string
	}{
		"as the service sends it":             {[]string{challenge}, "00000000-0000-0000-0000-00000000000a"},
		"with a scope":                        {[]string{`Bearer authorization="https://login.windows.net/contoso.com", scope="https://vault.azure.net/.default"`}, "contoso.com"},
		"with a slash behind the resource":    {[]string{`Bearer ` + tenantAddress + `, resource="https://vault.azure.net/"`}, "00000000-0000-0000-0000-00000000000a"},
		"with another sign-in host":           {[]string{`Bearer authorization="https://login.evil.example/contoso.com", resource="https://vault.azure.net"`}, "contoso.com"},
		"with no tenant, as an emulator does": {[]string{`Bearer resource="https://vault.azure.net", authorization_uri="https://vault.azure.net/secrets"`}, ""},
		"beside a challenge that is not ours": {[]string{challenge, `Basic realm="x"`}, "00000000-0000-0000-0000-00000000000a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := challenging(tt.header...)
			if text, _, err := s.client(t, time.Minute).Get(t.Context(), target("x"), ""); err != nil || text != value {
				t.Fatalf("got %q, %v", text, err)
			}
			if len(s.tokens) != 1 || s.tokens[0].TenantID != tt.tenant || !ours(s.tokens[0].Scopes) {
				t.Errorf("tokens: %+v", s.tokens)
			}
		})
	}
}

func TestASuccessWithoutATokenIsNotBelieved(t *testing.T) {
	s := &stub{challenge: func(r *http.Request) (*http.Response, error) { return secretNamed(r, value), nil }}
	c := s.client(t, time.Minute)
	text, _, err := c.Get(t.Context(), target("x"), "")
	wantFault(t, err, fault.AuthFailed, "without a token was answered with success")
	if text != "" {
		t.Error("it gave a value")
	}
	_, err = c.Set(t.Context(), target("x"), vault.Write{Text: value})
	wantFault(t, err, fault.AuthFailed, "without a token was answered with success")
	if n := s.count(false); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func ours(scopes []string) bool {
	return len(scopes) == 1 && (scopes[0] == "https://vault.azure.net/.default" || scopes[0] == "https://vault.azure.net//.default")
}

func TestAVaultThatWantsMoreClaimsGetsANewToken(t *testing.T) {
	s := &stub{}
	s.answer = func(r *http.Request) (*http.Response, error) {
		if s.count(true) > 1 {
			return secretNamed(r, value), nil
		}
		return respond(401, "", "WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", `+
			`error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(`{"access_token":{}}`))+`"`), nil
	}
	c := s.warm(t, time.Minute)
	if text, _, err := c.Get(t.Context(), target("x"), ""); err != nil || text != value {
		t.Fatalf("got %q, %v", text, err)
	}
	if len(s.tokens) != 1 || s.tokens[0].Claims != `{"access_token":{}}` || !ours(s.tokens[0].Scopes) {
		t.Errorf("tokens: %+v", s.tokens)
	}
}

// FuzzAChallengeNeverPanicsAndNeverGetsAForeignToken also looks at the log, where a
// panic of the SDK would be.
func FuzzAChallengeNeverPanicsAndNeverGetsAForeignToken(f *testing.F) {
	for _, seed := range []string{challenge, "Bearer", `Bearer authorization="https://login", resource="https://vault.azure.net"`,
		`Bearer authorization="https:", scope="https://net"`, `Bearer error="insufficient_claims", claims="e30="`,
		`Bearer authorization="https://a/b" resource="https://vault.azure.net" authorization="x"`,
		"Bearer Bearer authorization=\"https://a\" resource=\"https://vault.azure.net\",", `A b="c" Bearer claims="x", error="insufficient_claims"`} {
		f.Add(seed, "")
		f.Add(challenge, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		s := challenging(first, second)
		_, _, err := s.client(t, time.Minute).Get(t.Context(), target("x"), "")
		if fault.Is(err, fault.Internal) || s.logs.Len() != 0 {
			t.Errorf("got %v, log %s", err, s.logs.String())
		}
		for _, token := range s.tokens {
			if !ours(token.Scopes) {
				t.Errorf("a token was asked for %v", token.Scopes)
			}
		}
	})
}
