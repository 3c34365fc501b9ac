package fakevault_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

func TestEveryIdentityMayDoWhatItsRoleSays(t *testing.T) {
	c := start(t, fakevault.Config{})
	user, _ := c.Register(fakevault.User()...)
	nobody, _ := c.Register()
	c.Put(fakevault.DefaultHost, "a", "x")
	for _, s := range []struct {
		do, body string
		user     int
		action   string
	}{
		{"GET /secrets/a/", "", 200, "getSecret/action"},
		{"GET /secrets", "", 200, "readMetadata/action"},
		{"GET /secrets/a/versions", "", 200, "readMetadata/action"},
		{"GET /deletedsecrets", "", 200, "readMetadata/action"},
		{"PUT /secrets/b", `{"value":"x"}`, 403, "setSecret/action"},
		{"PATCH /secrets/a/", "{}", 403, "setSecret/action"},
		{"DELETE /secrets/a", "", 403, "secrets/delete"},
		{"POST /deletedsecrets/a/recover", "", 403, "recover/action"},
		{"DELETE /deletedsecrets/a", "", 403, "purge/action"},
	} {
		method, path, _ := strings.Cut(s.do, " ")
		if status, text := c.vault(method, path+v, c.TokenOf(user), s.body); status != s.user {
			t.Errorf("%s by a user: got %d %s", s.do, status, text)
		}
		status, text := c.vault(method, path+v, c.TokenOf(nobody), s.body)
		if status != 403 || !strings.Contains(text, `"innererror":{"code":"ForbiddenByRbac"}`) || !strings.Contains(text, s.action) {
			t.Errorf("%s by nobody: got %d %s", s.do, status, text)
		}
	}
	if status, _ := c.vault("PUT", "/secrets/b"+v, c.CLIToken(), `{"value":"x"}`); status != 200 {
		t.Errorf("an officer: got %d", status)
	}
}

func TestTheInnerCodeSaysWhoRefused(t *testing.T) {
	for want, rules := range map[string]fakevault.Rules{
		"ForbiddenByPolicy":     {AccessPolicies: true},
		"ForbiddenByRbac":       {},
		"ForbiddenByFirewall":   {Network: fakevault.Firewall},
		"ForbiddenByConnection": {Network: fakevault.PrivateOnly},
	} {
		c := start(t, fakevault.Config{Rules: rules})
		if rules.Network == "" {
			c.Grant(c.ClientID)
		}
		status, text := c.vault("GET", "/secrets/a/"+v, c.CLIToken(), "")
		if status != 403 || !strings.Contains(text, `"code":"Forbidden","innererror":{"code":"`+want+`"}`) {
			t.Errorf("want %s: got %d %s", want, status, text)
		}
	}
}

func TestNoSpanHoldsMoreRequestsThanTheLimit(t *testing.T) {
	for name, s := range map[string]struct {
		rules  fakevault.Rules
		do     string
		limit  int
		header string
	}{
		"the service's own for reads":   {fakevault.Rules{}, "GET /secrets/a/", 4000, ""},
		"the service's own for creates": {fakevault.Rules{}, "PUT /secrets/a", 300, ""},
		"a smaller one, with advice":    {fakevault.Rules{Others: 3, RetryAfter: 1500 * time.Millisecond}, "GET /secrets/a/", 3, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			c, now := startAt(t, s.rules)
			c.Put(fakevault.DefaultHost, "a", "x")
			method, path, _ := strings.Cut(s.do, " ")
			ask := func() (int, string, string) {
				status, text, header := c.call(method, "https://"+fakevault.DefaultHost+path+v, c.CLIToken(), `{"value":"x"}`)
				return status, text, header.Get("Retry-After")
			}
			for i := range s.limit {
				if i == 1 {
					*now = now.Add(6 * time.Second)
				}
				if status, text, _ := ask(); status != 200 {
					t.Fatalf("request %d: %d %s", i, status, text)
				}
			}
			status, text, header := ask()
			if status != 429 || header != s.header || !strings.Contains(text, `"code":"Throttled"`) {
				t.Errorf("above the limit: %d %q %s", status, header, text)
			}
			*now = now.Add(4 * time.Second)
			first, _, _ := ask()
			second, _, _ := ask()
			if first != 200 || second != 429 {
				t.Errorf("when only the first request is ten seconds old: %d, then %d", first, second)
			}
		})
	}
	c := start(t, fakevault.Config{Rules: fakevault.Rules{Creates: -1}})
	for i := range 310 {
		if status, text := c.vault("PUT", "/secrets/a"+v, c.CLIToken(), `{"value":"x"}`); status != 200 {
			t.Fatalf("request %d without a limit: %d %s", i, status, text)
		}
	}
}

func TestPagesAreOfTwentyFiveAndLeadToTheNext(t *testing.T) {
	c := start(t, fakevault.Config{})
	for i := range 60 {
		c.Put(fakevault.DefaultHost, fmt.Sprintf("s%02d", i), "x")
	}
	for i := range 30 {
		c.vault("DELETE", fmt.Sprintf("/secrets/s%02d", i+30)+v, c.CLIToken(), "")
	}
	for path, want := range map[string][]int{
		"/secrets" + v: {25, 5}, "/deletedsecrets" + v: {25, 5}, "/secrets" + v + "&maxresults=12": {12, 12, 6},
	} {
		var sizes []int
		seen := map[string]bool{}
		for next := "https://" + fakevault.DefaultHost + path; next != ""; {
			status, text, _ := c.call("GET", next, c.CLIToken(), "")
			var page struct {
				Value    []struct{ ID string }
				NextLink string
			}
			decode(t, text, &page)
			if status != 200 || strings.Contains(text, `"x"`) {
				t.Fatalf("%d %s", status, text)
			}
			for _, item := range page.Value {
				seen[item.ID] = true
			}
			sizes, next = append(sizes, len(page.Value)), page.NextLink
		}
		if fmt.Sprint(sizes) != fmt.Sprint(want) || len(seen) != 30 {
			t.Errorf("%s: pages of %v with %d names, want %v with 30", path, sizes, len(seen), want)
		}
	}
	if status, text := c.vault("GET", "/secrets"+v+"&maxresults=26", c.CLIToken(), ""); status != 400 {
		t.Errorf("a page of 26: %d %s", status, text)
	}
}

func TestARegisteredPrincipalSignsInWithItsOwnSecretOnly(t *testing.T) {
	c := start(t, fakevault.Config{})
	id, secret := c.Register(fakevault.User()...)
	for name, s := range map[string]struct {
		id, secret string
		status     int
	}{
		"its own":        {id, secret, 200},
		"of another":     {id, c.ClientSecret, 401},
		"none":           {id, "", 401},
		"of nobody":      {"x", secret, 400},
		"of the machine": {c.ManagedClientID, "", 400},
	} {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.id}, "client_secret": {s.secret}, "scope": {"https://vault.azure.net/.default"}}
		status, text, _ := c.call("POST", "https://login.microsoftonline.com/"+c.Tenant+"/oauth2/v2.0/token", "", form.Encode(),
			"Content-Type", "application/x-www-form-urlencoded")
		if status != s.status {
			t.Errorf("a secret %s: got %d %s", name, status, text)
		}
	}
}

func TestATokenOfAnotherTenantIsRefusedByItsIssuer(t *testing.T) {
	key := []byte("the same for both")
	c := start(t, fakevault.Config{TokenKey: key})
	other := start(t, fakevault.Config{TokenKey: key})
	if status, text := c.vault("GET", "/secrets"+v, other.CLIToken(), ""); status != 401 || !strings.Contains(text, "AKV10032") {
		t.Errorf("%d %s", status, text)
	}
}
