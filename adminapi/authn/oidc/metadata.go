package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// metadata is what a provider says about itself; see OpenID Connect Discovery 1.0,
// section 3.
type metadata struct {
	Issuer string `json:"issuer"`
	// AccessIssuer is what ADFS calls itself in access tokens.
	AccessIssuer string `json:"access_token_issuer"`

	Auth     string   `json:"authorization_endpoint"`
	Token    string   `json:"token_endpoint"`
	Keys     string   `json:"jwks_uri"`
	UserInfo string   `json:"userinfo_endpoint"`
	Methods  []string `json:"token_endpoint_auth_methods_supported"`
}

// metadata asks the provider.
func (p *Provider) metadata(ctx context.Context) (metadata, error) {
	var m metadata
	if err := getJSON(ctx, p.client, p.JWT.Authority+"/.well-known/openid-configuration", &m); err != nil {
		return m, err
	}
	for _, address := range []struct {
		name, value string
		optional    bool
	}{
		{"jwks_uri", m.Keys, false},
		{"authorization_endpoint", m.Auth, p.JWT.ClientID == ""}, {"token_endpoint", m.Token, p.JWT.ClientID == ""},
		{"userinfo_endpoint", m.UserInfo, true},
	} {
		if address.value == "" && address.optional {
			continue
		}
		if !secure(address.value) {
			return m, fmt.Errorf("its %s is %q; an https address was expected", address.name, address.value)
		}
	}
	return m, nil
}

// secure reports whether nobody on the way to the address can change what it says.
func secure(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback())
}

// getJSON reads an answer of the provider.
func getJSON(ctx context.Context, client *http.Client, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return err // it names the address
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", address, response.Status)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New(address + " did not answer with the JSON that was expected")
	}
	return nil
}

// Entra's sign-in hosts, and beside each the issuer of its tokens of version 1.
var (
	entraHosts  = map[string]string{"login.microsoftonline.com": "sts.windows.net", "login.microsoftonline.us": "sts.windows.net", "login.partner.microsoftonline.cn": "sts.chinacloudapi.cn"}
	entraTenant = regexp.MustCompile(`^https://[a-z.]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(?:v2\.0)?$`)
)

// issuersOf returns the issuers whose access tokens count, the one that the provider
// names first; nil when that does not fit the authority.
//
// Entra issues access tokens of version 1 or 2 as the application asked for says,
// not the application that asks, with the same keys and another issuer each; see
// https://learn.microsoft.com/entra/identity-platform/access-tokens.
func issuersOf(authority, issuer string) []string {
	if strings.TrimSuffix(issuer, "/") == authority && entraOf(authority) == "" {
		return []string{issuer}
	}
	host := entraOf(authority)
	tenant := entraTenant.FindStringSubmatch(issuer)
	if host == "" || tenant == nil {
		return nil
	}
	first, second := "https://"+host+"/"+tenant[1]+"/v2.0", "https://"+entraHosts[host]+"/"+tenant[1]+"/"
	switch issuer {
	case first:
		return []string{first, second}
	case second:
		return []string{second, first}
	}
	return nil
}

// entraOf returns the host of an authority of Entra, and empty for others.
func entraOf(authority string) string {
	u, err := url.Parse(authority)
	if err != nil || entraHosts[u.Host] == "" {
		return ""
	}
	return u.Host
}
