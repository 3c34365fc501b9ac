package negotiate_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate/kdctest"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

// site is a server where /api/who tells who asks.
type site struct {
	url  string
	way  *negotiate.Way
	logs *logtest.Buffer
}

type told struct{}

func (told) Start(w http.ResponseWriter, _ *http.Request, p authz.Principal, way string) error {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: string(p.Role) + ":" + url.QueryEscape(p.Name) + ":" + way, Path: "/"})
	return nil
}

func newSite(t *testing.T, s appsettings.Negotiate, roles authz.Mapping) *site {
	t.Helper()
	logs := &logtest.Buffer{}
	logger := slog.New(slog.NewTextHandler(logs, nil))
	way, err := negotiate.New(negotiate.Config{Settings: s, Roles: roles, Logger: logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{way}, Logger: logger, Now: time.Now})
	mux := http.NewServeMux()
	mux.Handle("/api/who", guard.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := authz.From(r.Context())
		fmt.Fprintf(w, "%s is %s\n", p, p.Role)
	})))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s\n", r.URL) })
	now := time.Now()
	negotiate.SignIn{Way: way, Door: browser.Door{Sessions: told{}, Logger: logger, Failures: authn.NewLockout(func() time.Time { now = now.Add(time.Hour); return now })}}.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &site{url: "http://" + kdctest.Host + ":" + u.Port(), way: way, logs: logs}
}

// curl asks as curl does for whoever signed in to the realm.
func (s *site) curl(t *testing.T, as *kdctest.Realm, path string, more ...string) string {
	t.Helper()
	port := s.url[strings.LastIndex(s.url, ":")+1:]
	args := append([]string{"--silent", "--show-error", "--include", "--max-time", "20", "--negotiate", "--user", ":",
		"--resolve", kdctest.Host + ":" + port + ":127.0.0.1", "--resolve", "other.im.test:" + port + ":127.0.0.1"}, more...)
	out, _ := as.Try("", "curl", append(args, s.url+path)...) // what it says is looked at
	return out
}

// mutual is a client of MIT's library that insists on the proof of who answers, which
// curl does not look at.
const mutual = `
import base64, http.client, sys, gssapi
name = gssapi.Name("HTTP@" + sys.argv[2], gssapi.NameType.hostbased_service)
spnego = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
context = gssapi.SecurityContext(name=name, usage="initiate", mech=spnego, flags=gssapi.RequirementFlag.mutual_authentication)
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
connection.request("GET", "/api/who", headers={"Authorization": "Negotiate " + base64.b64encode(context.step()).decode()})
answer = connection.getresponse()
text = answer.read().decode()
assert answer.status == 200, text
context.step(base64.b64decode(answer.getheader("WWW-Authenticate").split()[1]))
assert context.complete and gssapi.RequirementFlag.mutual_authentication in context.actual_flags
print("proven to", text)
`

func roles() authz.Mapping {
	return authz.Mapping{authz.Operator: {"alice@IM.TEST"}, authz.Viewer: {"robot/job@IM.TEST"}, authz.Admin: {"ALICE@IM.TEST", "alice@OTHER.TEST"}}
}

func TestCurlSignsInWithATicketOfARealKDC(t *testing.T) {
	realm := kdctest.MIT(t, "alice", "bob", "robot/job")
	s := newSite(t, appsettings.Negotiate{KeytabFile: realm.Keytab}, roles())
	if got := s.way.Principals(); len(got) != 1 || got[0] != kdctest.Service+"@IM.TEST" {
		t.Errorf("principals %q", got)
	}
	alice, bob, robot := realm.As("alice"), realm.As("bob"), realm.As("robot/job")

	for range 3 { // each request has an authenticator of its own
		// Its library checks the proof of who answers, and would say so.
		if out := s.curl(t, alice, "/api/who", "--verbose"); !strings.Contains(out, "user alice@IM.TEST is Operator") || !strings.Contains(out, "HTTP/1.1 200") ||
			!strings.Contains(out, "Www-Authenticate: Negotiate o") || strings.Contains(strings.ToLower(out), "gss_") {
			t.Fatalf("curl said %s\nlog %s", out, s.logs)
		}
	}
	if out := s.curl(t, robot, "/api/who"); !strings.Contains(out, "user robot/job@IM.TEST is Viewer") {
		t.Errorf("curl said %s", out)
	}
	if out := s.curl(t, bob, "/api/who"); !strings.Contains(out, "401") || !strings.Contains(out, `\"bob@IM.TEST\" has no role here: the ticket names no groups`) {
		t.Errorf("curl said %s", out)
	}
	if out, err := alice.Try(mutual, "/usr/bin/python3", "-", s.url[strings.LastIndex(s.url, ":")+1:], kdctest.Host); err != nil || !strings.Contains(out, "proven to user alice@IM.TEST") {
		t.Errorf("a client that insists on knowing who answers: %v: %s", err, out)
	}
	// Without a ticket there is an offer, and no session.
	if out := s.curl(t, realm, "/api/who"); !strings.Contains(out, "401") || !strings.Contains(out, "Www-Authenticate: Negotiate\r") {
		t.Errorf("curl said %s", out)
	}

	t.Run("a browser's session", func(t *testing.T) {
		jar := filepath.Join(t.TempDir(), "jar")
		out := s.curl(t, alice, negotiate.Path+"?return=/runs", "--location", "--cookie-jar", jar)
		cookies, err := os.ReadFile(jar)
		if err != nil || !strings.Contains(out, "page /runs") || !strings.Contains(string(cookies), "Operator:alice%40IM.TEST:negotiate") {
			t.Errorf("%v, cookies %s, curl said %s", err, cookies, out)
		}
		for name, want := range map[string][]string{
			"without a ticket":        {negotiate.Path, "401", "sent no Kerberos ticket", "Www-Authenticate: Negotiate\r"},
			"from elsewhere":          {negotiate.Path + "?return=//evil.example", "303", "Location: /\r"},
			"as an image":             {negotiate.Path, "401", "Begin on the sign-in page"},
			"with a ticket of nobody": {negotiate.Path, "401", "bob@IM.TEST"},
		} {
			who, more := alice, []string{}
			switch name {
			case "without a ticket":
				who = realm
			case "as an image":
				more = []string{"--header", "Sec-Fetch-Mode: no-cors"}
			case "with a ticket of nobody":
				who = bob
			}
			out := s.curl(t, who, want[0], more...)
			for _, words := range want[1:] {
				if !strings.Contains(out, words) {
					t.Errorf("%s: curl said %s, want %q", name, out, words)
				}
			}
		}
	})
	t.Run("other service principals", func(t *testing.T) {
		realm.Admin("addprinc -randkey HTTP/other.im.test")
		other := &site{url: strings.Replace(s.url, kdctest.Host, "other.im.test", 1), logs: s.logs}
		if out := other.curl(t, alice, "/api/who"); !strings.Contains(out, "401") || !strings.Contains(out, `HTTP/other.im.test@IM.TEST`) || !strings.Contains(out, "setspn -S") {
			t.Errorf("curl said %s", out)
		}
		keytab := realm.CopyKeytab()
		realm.AddKeytab(keytab, "HTTP/other.im.test")
		fresh := realm.As("alice")
		for principal, ok := range map[string]bool{"": true, "HTTP/other.im.test": true, "http/other.im.test@IM.TEST": true, "HTTP/mesh.im.test": false} {
			limited := newSite(t, appsettings.Negotiate{KeytabFile: keytab, ServicePrincipal: principal}, roles())
			limited.url = strings.Replace(limited.url, kdctest.Host, "other.im.test", 1)
			if out := limited.curl(t, fresh, "/api/who"); ok != strings.Contains(out, "HTTP/1.1 200") {
				t.Errorf("with ServicePrincipal %q curl said %s", principal, out)
			}
		}
	})
	t.Run("a key that was changed", func(t *testing.T) {
		old := newSite(t, appsettings.Negotiate{KeytabFile: realm.CopyKeytab()}, roles())
		if out := s.curl(t, alice, "/api/who"); !strings.Contains(out, "200") {
			t.Fatalf("curl said %s", out)
		}
		realm.AddKeytab(realm.Keytab, kdctest.Service)
		fresh := realm.As("alice")
		if out := old.curl(t, fresh, "/api/who"); !strings.Contains(out, "401") || !strings.Contains(out, "needs version 3 of the key and the keytab has [2]") || !strings.Contains(out, "Make the keytab anew") {
			t.Errorf("curl said %s", out)
		}
		// The file was replaced meanwhile; it still has the key of the tickets of before.
		for _, who := range []*kdctest.Realm{fresh, alice} {
			if out := s.curl(t, who, "/api/who"); !strings.Contains(out, "200") {
				t.Errorf("curl said %s\nlog %s", out, s.logs)
			}
		}
		if err := os.WriteFile(realm.Keytab, []byte("c4nary"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := s.curl(t, fresh, "/api/who"); !strings.Contains(out, "200") || !strings.Contains(s.logs.String(), "the one before counts on") {
			t.Errorf("curl said %s\nlog %s", out, s.logs)
		}
	})
	if strings.Contains(s.logs.String(), "c4nary") || strings.Contains(s.logs.String(), "Negotiate ") {
		t.Errorf("log %s", s.logs)
	}
}

func TestAKeytabThatCannotServeIsRefused(t *testing.T) {
	realm := kdctest.MIT(t, "alice")
	folder := t.TempDir()
	open := realm.CopyKeytab()
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	user := filepath.Join(folder, "user.keytab")
	realm.AddKeytab(user, "alice")
	whole, err := os.ReadFile(realm.Keytab)
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{"text": []byte("c4nary"), "cut": whole[:len(whole)/2], "long": append([]byte{5, 2, 0x7f, 0xff, 0xff, 0xff}, "c4nary"...), "hole": {5, 2, 0x80, 0, 0, 0}}
	paths := map[string]string{open: "chmod", user: `"alice@IM.TEST"`, filepath.Join(folder, "none"): "no such file"}
	for name, content := range damaged {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		paths[path] = path
	}
	for path, words := range paths {
		_, err := negotiate.New(negotiate.Config{Settings: appsettings.Negotiate{KeytabFile: path}, Now: time.Now})
		if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "Authentication:Negotiate:KeytabFile") || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, err = negotiate.New(negotiate.Config{Settings: appsettings.Negotiate{KeytabFile: realm.Keytab, ServicePrincipal: "HTTP/elsewhere"}, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "HTTP/elsewhere, which Authentication:Negotiate:ServicePrincipal names") {
		t.Errorf("error %v", err)
	}
}
