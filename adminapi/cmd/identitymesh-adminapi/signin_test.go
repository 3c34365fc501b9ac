package main_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate/kdctest"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc/oidctest"
)

// vouchedFor lets the provider sign in at the installation.
func (i *installation) vouchedFor(admin, authentication map[string]any) {
	i.t.Helper()
	settings, err := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": i.data}, "AdminApi": admin, "Authentication": authentication,
		"Logging": map[string]any{"Level": "debug"},
	})
	if err == nil {
		err = os.WriteFile(i.config, settings, 0o600)
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

const clientSecret = "c4nary-client-secret"

func TestOperatorsOfAnOpenIDConnectProviderSignIn(t *testing.T) {
	i := install(t)
	idp := oidctest.Start(t,
		oidctest.User{Name: "alice", Claims: map[string]any{"groups": []string{"mesh-admins"}}},
		oidctest.User{Name: "mallory", Claims: map[string]any{"groups": []string{"IdentityMesh.Admin"}}})
	secret := filepath.Join(filepath.Dir(i.config), "client-secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	jwt := map[string]any{"Enabled": true, "Authority": idp.Issuer, "Audience": "im", "ClientId": "im", "ClientSecretFile": "client-secret"}
	roles := map[string]any{"Admin": []string{"mesh-admins"}}
	i.vouchedFor(map[string]any{"Listen": "127.0.0.1:0"}, map[string]any{"Jwt": jwt, "Roles": roles})
	idp.Down.Store(true)
	s := i.serve()
	status := func() string {
		_, body := s.ask(i.token(), "GET", "/api/status", "")
		return body
	}
	if code, ways := s.ask("", "GET", "/api/sign-in", ""); code != 200 || !strings.Contains(ways, `"path":"/auth/oidc/start"`) || !strings.Contains(ways, strings.TrimPrefix(idp.Issuer, "http://")) {
		t.Errorf("ways to sign in: %d %s", code, ways)
	}
	// The provider is away: the Admin API lives, and says so.
	if code, _ := s.ask(idp.Mint(idp.Access("im", nil)), "GET", "/api/connectors", ""); code != http.StatusServiceUnavailable {
		t.Errorf("a token while the provider is away gets %d", code)
	}
	if body := status(); !strings.Contains(body, "The OpenID Connect provider "+idp.Issuer+" cannot be used") {
		t.Errorf("status %s", body)
	}
	idp.Down.Store(false)
	for end := time.Now().Add(patience); strings.Contains(status(), "OpenID"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the provider is not asked again: %s", status())
		}
	}

	idp.Register("im", clientSecret, s.url+oidc.CallbackPath)
	b := oidctest.NewBrowser(t)
	page := b.Go(s.url+oidc.StartPath+"?return=/runs", "alice")
	if page.URL.String() != s.url+"/runs" {
		t.Fatalf("came to %s: %s", page.URL, page.Body)
	}
	if page := b.Go(s.url+"/api/session", ""); !strings.Contains(page.Body, `"name":"alice"`) || !strings.Contains(page.Body, `"role":"Admin"`) || !strings.Contains(page.Body, `"way":"oidc"`) {
		t.Errorf("session %d %s", page.Status, page.Body)
	}
	if page := oidctest.NewBrowser(t).Go(s.url+oidc.StartPath, "mallory"); page.Status != http.StatusUnauthorized || !strings.Contains(page.Body, "has no role here") {
		t.Errorf("%d %s", page.Status, page.Body)
	}
	// A program takes the provider's access token along.
	access := idp.Mint(idp.Access("im", map[string]any{"roles": []string{"IdentityMesh.Viewer"}}))
	if code, body := s.ask(access, "GET", "/api/connectors", ""); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if code, body := s.ask(access, "POST", "/api/provider/reload", ""); code != http.StatusForbidden || !strings.Contains(body, "permission-missing") {
		t.Errorf("a viewer changes something: %d %s", code, body)
	}
	if code, _ := s.ask(idp.Mint(idp.Access("other", nil)), "GET", "/api/connectors", ""); code != http.StatusUnauthorized {
		t.Errorf("a token for somebody else gets %d", code)
	}
	_, trail := s.ask(i.token(), "GET", "/api/audit?action=session.start", "")
	if !strings.Contains(trail, `"actor":"user alice"`) || !strings.Contains(trail, `"outcome":"OK"`) {
		t.Errorf("audit %s", trail)
	}
	s.stop()

	// Nothing of what signs in is anywhere.
	secrets := []string{clientSecret, access}
	for _, answer := range idp.Answers() {
		for part := range strings.SplitSeq(answer, `"`) {
			if len(part) > 40 {
				secrets = append(secrets, part)
			}
		}
	}
	for _, address := range b.Visited {
		if u, err := url.Parse(address); err == nil && u.Query().Get("code") != "" {
			secrets = append(secrets, u.Query().Get("code"), u.Query().Get("state"))
		}
	}
	if len(secrets) < 6 {
		t.Fatalf("only %d canaries", len(secrets))
	}
	i.holdsNone(s, secrets)

	// Other rules end the sessions that the old ones allowed.
	i.listenAgain(s, map[string]any{"Jwt": jwt, "Roles": map[string]any{"Viewer": []string{"mesh-admins"}}})
	s = i.serve()
	if page := b.Go(s.url+"/api/session", ""); page.Status != http.StatusUnauthorized || !strings.Contains(page.Body, "rules that decide the roles") {
		t.Errorf("session %d %s", page.Status, page.Body)
	}
	s.stop()
}

// listenAgain configures the address that the server had before.
func (i *installation) listenAgain(s *server, authentication map[string]any) {
	i.t.Helper()
	i.vouchedFor(map[string]any{"Listen": strings.TrimPrefix(s.url, "http://")}, authentication)
}

// holdsNone fails when one of the secrets is in the data folder, in the log or in
// what the program said. The client's secret has a file of its own beside it.
func (i *installation) holdsNone(s *server, secrets []string) {
	i.t.Helper()
	found := s.log.String() + s.out.String()
	err := filepath.WalkDir(i.data, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		found += string(text)
		return err
	})
	if err != nil {
		i.t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(found, secret) {
			i.t.Errorf("%q… is in the data folder or in the log", secret[:6])
		}
	}
}

func TestOperatorsOfARealmSignIn(t *testing.T) {
	realm := kdctest.MIT(t, "alice")
	i := install(t)
	i.vouchedFor(map[string]any{"Listen": "127.0.0.1:0", "Hosts": []string{kdctest.Host}}, map[string]any{
		"Negotiate": map[string]any{"Enabled": true, "KeytabFile": realm.Keytab}, "Roles": map[string]any{"Operator": []string{"alice@IM.TEST"}}})
	s := i.serve()
	port := s.url[strings.LastIndex(s.url, ":")+1:]
	alice := realm.As("alice")
	jar := filepath.Join(t.TempDir(), "jar")
	curl := func(path string, more ...string) string {
		t.Helper()
		return alice.Run("", "curl", append([]string{"--silent", "--show-error", "--include", "--max-time", "20", "--cookie", jar, "--cookie-jar", jar,
			"--resolve", kdctest.Host + ":" + port + ":127.0.0.1", "http://" + kdctest.Host + ":" + port + path}, more...)...)
	}
	negotiate := []string{"--negotiate", "--user", ":"}
	if out := curl("/api/sign-in"); !strings.Contains(out, `"name":"negotiate","path":"/auth/negotiate","provider":"IM.TEST"`) {
		t.Errorf("ways to sign in: %s", out)
	}
	if out := curl("/api/session", negotiate...); !strings.Contains(out, `"name":"alice@IM.TEST"`) || !strings.Contains(out, `"role":"Operator"`) || !strings.Contains(out, `"way":"negotiate"`) || !strings.Contains(out, "Negotiate o") {
		t.Errorf("curl said %s", out)
	}
	if out := curl("/auth/negotiate?return=/runs", negotiate...); !strings.Contains(out, "303") || !strings.Contains(out, "Location: /runs") {
		t.Errorf("curl said %s", out)
	}
	if out := curl("/api/session"); !strings.Contains(out, `"name":"alice@IM.TEST"`) || !strings.Contains(out, `"idleExpires"`) {
		t.Errorf("curl said %s", out)
	}
	// Browsers send tickets beside the cookie; the session counts, and ends.
	if out := curl("/api/session", append(negotiate, "--request", "DELETE", "--header", "Origin: http://"+kdctest.Host+":"+port)...); !strings.Contains(out, " 204 ") {
		t.Errorf("curl said %s", out)
	}
	if out := curl("/api/session"); !strings.Contains(out, " 401 ") {
		t.Errorf("curl said %s", out)
	}
	s.stop()
	if log := s.log.String(); strings.Contains(log, "YII") || strings.Contains(log, "Negotiate ") {
		t.Errorf("log %s", log)
	}
}

func TestAWayInThatCannotWorkKeepsTheProgramFromStarting(t *testing.T) {
	i := install(t)
	open := filepath.Join(filepath.Dir(i.config), "open")
	if err := os.WriteFile(open, []byte("c4nary"), 0o644); err != nil {
		t.Fatal(err)
	}
	sections := map[string]map[string]any{
		"Authentication:Jwt:Authority":          {"Jwt": map[string]any{"Enabled": true, "Audience": "im"}},
		"Authentication:Jwt:Audience":           {"Jwt": map[string]any{"Enabled": true, "Authority": "https://sts.example.net"}},
		"Authentication:Negotiate:KeytabFile":   {"Negotiate": map[string]any{"Enabled": true}},
		"Authentication:Negotiate:KeytabFile: ": {"Negotiate": map[string]any{"Enabled": true, "KeytabFile": open}},
	}
	if runtime.GOOS != "windows" { // where the folder's access list guards the file
		sections["Authentication:Jwt:ClientSecretFile"] = map[string]any{"Jwt": map[string]any{"Enabled": true, "Authority": "https://sts.example.net", "Audience": "im", "ClientId": "im", "ClientSecretFile": open}}
	}
	for key, section := range sections {
		i.vouchedFor(map[string]any{"Listen": "127.0.0.1:0"}, section)
		stdout, stderr, code := i.run("--config", i.config)
		if code == 0 || !strings.Contains(stderr, key) || strings.Contains(stdout+stderr, "c4nary") {
			t.Errorf("%s: %d: %s %s", key, code, stdout, stderr)
		}
	}
}
