package vault

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// challengeError is a challenge that we do not answer. It is final, and holds
// what was wrong, cut to what an operator can read.
type challengeError struct{ complaint string }

func (e *challengeError) Error() string { return "the challenge " + e.complaint }
func (*challengeError) NonRetriable()   {}

var tenantForm = regexp.MustCompile(`^[0-9A-Za-z.-]{1,128},?$`)

// checkChallenge refuses a challenge before the SDK reads it. The SDK panics on an
// authority without a path, and takes any ending of our host for the vault's
// resource: "net" would do. Ours must be what stands behind the vault's name.
func checkChallenge(response *http.Response, host string, withToken bool) error {
	header := response.Header.Get("WWW-Authenticate")
	switch {
	case header == "" && withToken:
		return nil // a plain refusal of the token
	case header == "":
		return &challengeError{"is missing: the answer has no header WWW-Authenticate"}
	}
	if claims := claimsOf(response); claims != "" {
		if _, err := base64.StdEncoding.DecodeString(claims); err != nil {
			return &challengeError{"wants claims that cannot be read"}
		}
		return nil // it is answered with what is known already
	}
	values := challengeValues(header)
	resource := values["scope"]
	if resource == "" {
		resource = values["resource"]
	}
	if resource == "" {
		return &challengeError{"names no resource"}
	}
	_, domain, _ := strings.Cut(host, ".")
	u, err := url.Parse(resource)
	if err != nil || u.Scheme != "https" || u.Host != domain || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.TrimSuffix(strings.TrimSuffix(u.Path, ".default"), "/") != "" {
		return &challengeError{fmt.Sprintf("asks for a token for %q, where the vault's own is https://%s", short(resource), domain)}
	}
	authority, has := values["authorization"]
	if !has || authority == "" {
		return nil // the tenant is then that of the identity
	}
	// The fourth part is what the SDK takes for the tenant.
	parts := strings.Split(authority, "/")
	if len(parts) < 4 || parts[0] != "https:" || parts[1] != "" || !tenantForm.MatchString(parts[3]) {
		return &challengeError{fmt.Sprintf("names %q, which is not the sign-in address of a tenant", short(authority))}
	}
	return nil
}

// challengeForm and parameterForm are the expressions of the SDK.
var (
	challengeForm = regexp.MustCompile(`(?:(\w+) ((?:\w+="[^"]*",?\s*)+))`)
	parameterForm = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// claimsOf returns the claims of a challenge of a vault that wants another token of
// the kind it was shown, as it does when an access policy of the tenant has changed.
// The SDK takes nothing but these from such a challenge.
func claimsOf(response *http.Response) (claims string) {
	for _, header := range response.Header.Values("WWW-Authenticate") {
		for _, challenge := range challengeForm.FindAllStringSubmatch(header, -1) {
			values := map[string]string{}
			for _, pair := range parameterForm.FindAllStringSubmatch(challenge[2], -1) {
				values[pair[1]] = pair[2]
			}
			if challenge[1] == "Bearer" && values["error"] == "insufficient_claims" && values["claims"] != "" {
				claims = values["claims"]
			}
		}
	}
	return claims
}

// challengeValues reads a challenge exactly as the SDK does, so that what we
// checked is what it uses.
func challengeValues(header string) map[string]string {
	values := map[string]string{}
	for _, part := range strings.Split(strings.ReplaceAll(header, "Bearer ", ""), " ") {
		if pair := strings.Split(part, "="); len(pair) == 2 {
			values[pair[0]] = strings.TrimSuffix(strings.ReplaceAll(pair[1], `"`, ""), ",")
		}
	}
	return values
}

func short(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
