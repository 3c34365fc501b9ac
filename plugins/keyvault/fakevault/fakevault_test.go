package fakevault_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

// These tests speak plain HTTP, so that what the fake shares with the Azure SDK
// are only the rules of the service.

type caller struct {
	*fakevault.Server
	http *http.Client
	t    *testing.T
}

func start(t *testing.T, c fakevault.Config) *caller {
	t.Helper()
	s, err := fakevault.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	transport := &http.Transport{DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{s, &http.Client{Transport: transport, Timeout: 10 * time.Second}, t}
}

func (c *caller) call(method, address, token, body string, header ...string) (int, string, http.Header) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

func (c *caller) vault(method, path, token, body string) (int, string) {
	c.t.Helper()
	status, text, _ := c.call(method, "https://contoso-im.vault.azure.net"+path, token, body)
	return status, text
}

func TestARequestWithoutAGoodTokenIsChallengedAsTheServiceDoes(t *testing.T) {
	c := start(t, fakevault.Config{})
	other := start(t, fakevault.Config{})
	for name, token := range map[string]string{"none": "", "noise": "x.y.z", "of another authority": other.CLIToken()} {
		status, text, header := c.call("PUT", "https://contoso-im.vault.azure.net/secrets/a?api-version=7.6", token, "")
		want := fmt.Sprintf(`Bearer authorization="https://login.windows.net/%s", resource="https://vault.azure.net"`, c.Tenant)
		if status != 401 || header.Get("WWW-Authenticate") != want || !strings.Contains(text, `"code":"Unauthorized"`) {
			t.Errorf("token %s: %d %q %s", name, status, header.Get("WWW-Authenticate"), text)
		}
	}
}

func TestATokenOfAnotherAudienceOrPastItsTimeIsRefused(t *testing.T) {
	now := time.Now()
	c := start(t, fakevault.Config{Now: func() time.Time { return now }})
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}, "scope": {"https://storage.azure.com/.default"}}
	status, text, _ := c.call("POST", "https://login.microsoftonline.com/"+c.Tenant+"/oauth2/v2.0/token", "", form.Encode(),
		"Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &token); status != 200 || err != nil {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := c.vault("GET", "/secrets?api-version=7.6", token.AccessToken, ""); status != 401 || !strings.Contains(text, "AKV10022") {
		t.Errorf("another audience: %d %s", status, text)
	}
	good := c.CLIToken()
	if status, _ := c.vault("GET", "/secrets?api-version=7.6", good, ""); status != 200 {
		t.Errorf("a good token: %d", status)
	}
	now = now.Add(2 * time.Hour)
	if status, text := c.vault("GET", "/secrets?api-version=7.6", good, ""); status != 401 || !strings.Contains(text, "expired") {
		t.Errorf("an old token: %d %s", status, text)
	}
}

func TestTheServicesRulesAndLimitsHold(t *testing.T) {
	c := start(t, fakevault.Config{})
	value := func(n int) string { return `{"value":"` + strings.Repeat("x", n) + `"}` }
	const v = "?api-version=7.6"
	steps := []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/secrets", "", 400, "api-version"},
		{"GET", "/secrets/a/" + v, "", 404, "SecretNotFound"},
		{"GET", "/secrets/a/versions" + v, "", 200, `"value":[]`},
		{"PUT", "/secrets/a" + v, "", 400, "required"},
		{"PUT", "/secrets/a_b" + v, value(1), 400, "invalid name"},
		{"PUT", "/secrets/a" + v, value(25*1024 + 1), 400, "BadParameter"},
		{"PUT", "/secrets/a" + v, value(25 * 1024), 200, "created"},
		{"GET", "/secrets/A/" + v, "", 200, "xxx"},
		{"GET", "/secrets" + v, "", 200, "/secrets/a\""},
		{"DELETE", "/secrets/a" + v, "", 200, "recoveryId"},
		{"GET", "/secrets/a/" + v, "", 404, "SecretNotFound"},
		{"PUT", "/secrets/a" + v, value(1), 409, "ObjectIsDeletedButRecoverable"},
		{"GET", "/deletedsecrets/a" + v, "", 200, "scheduledPurgeDate"},
		{"POST", "/deletedsecrets/a/recover" + v, "", 200, "/secrets/a/"},
		{"GET", "/secrets/a/" + v, "", 200, "xxx"},
		{"DELETE", "/secrets/a" + v, "", 200, ""},
		{"DELETE", "/deletedsecrets/a" + v, "", 204, ""},
		{"PUT", "/secrets/a" + v, value(1), 200, ""},
		{"GET", "/elsewhere" + v, "", 404, "NotFound"},
	}
	for _, s := range steps {
		status, text := c.vault(s.method, s.path, c.CLIToken(), s.body)
		if status != s.status || !strings.Contains(text, s.says) {
			t.Fatalf("%s %s: got %d %.200s, want %d with %q", s.method, s.path, status, text, s.status, s.says)
		}
	}
}

func TestOtherProcessesControlTheFakeOverHTTP(t *testing.T) {
	c := start(t, fakevault.Config{})
	control := strings.TrimSuffix(c.IdentityEndpoint(), "/msi/token") + "/control/"
	c.call("PUT", control+fakevault.DefaultHost+"/a", "", "of the journal")
	if text, _, _ := c.Text(fakevault.DefaultHost, "a"); text != "of the journal" {
		t.Errorf("what was put reads %q", text)
	}
	if status, text, _ := c.call("POST", control+"answers", "", `[{"Status":503,"Body":"{}"}]`); status != 204 {
		t.Fatalf("%d %s", status, text)
	}
	for _, want := range []int{503, 200} {
		if status, _ := c.vault("GET", "/secrets/a?api-version=7.6", c.CLIToken(), ""); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
	c.call("POST", control+fakevault.DefaultHost+"/a/disabled", "", "")
	if status, text := c.vault("GET", "/secrets/a?api-version=7.6", c.CLIToken(), ""); status != 403 || !strings.Contains(text, "SecretDisabled") {
		t.Errorf("a disabled secret: %d %s", status, text)
	}
	if status, text, _ := c.call("PATCH", control+"rules", "", `{"PurgeProtection":true,"RetentionDays":7}`); status != 204 {
		t.Errorf("%d %s", status, text)
	}
	_, text, _ := c.call("POST", control+"principals", "", `["get"]`)
	var who struct{ ClientID, ClientSecret string }
	if err := json.Unmarshal([]byte(text), &who); err != nil || who.ClientSecret == "" {
		t.Errorf("%v %s", err, text)
	}
	if status, _ := c.vault("GET", "/secrets?api-version=7.6", c.TokenOf(who.ClientID), ""); status != 403 {
		t.Errorf("a principal that may only get lists: %d", status)
	}
	c.call("POST", control+"answers", "", `[{"Status":503,"Times":-1}]`)
	c.call("DELETE", control+"answers", "", "")
	if status, text := c.vault("DELETE", "/secrets/a?api-version=7.6", c.CLIToken(), ""); status != 200 || !strings.Contains(text, `"CustomizedRecoverable"`) {
		t.Errorf("%d %s", status, text)
	}
	_, text, _ = c.call("GET", control+"requests", "", "")
	var journal []fakevault.Request
	if err := json.Unmarshal([]byte(text), &journal); err != nil || len(journal) != 5 || journal[0].Status != 503 || !journal[0].HasToken {
		t.Errorf("%v %s", err, text)
	}
	if strings.Contains(text, "of the journal") {
		t.Error("the journal holds a value")
	}
}
