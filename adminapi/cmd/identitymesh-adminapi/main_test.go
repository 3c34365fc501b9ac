package main_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheProgramServesKeepsSecretsAndLeaves(t *testing.T) {
	const canary = "canary-51c7\"-value"
	i := install(t)
	s := i.serve()
	if !strings.Contains(s.said, filepath.Join(i.data, "admin-token")) {
		t.Errorf("it does not say where the token is: %q", s.said)
	}
	token := i.token()
	if code, body := s.ask("imat_wrong", "GET", "/api/status", ""); code != 401 {
		t.Errorf("a wrong token: %d %s", code, body)
	}
	quoted, _ := json.Marshal(canary)
	const ref = "secret://ad/svc/password"
	for _, step := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/readyz", "", 200, "ok"},
		{"PUT", "/api/secrets", `{"ref":"` + ref + `","value":` + string(quoted) + `}`, 200, "im-4dcca9e40db8d988ebd8f907f7449ec4"},
		{"PUT", "/api/secrets", `{"ref":"secret://two","valueBase64":"` + base64.StdEncoding.EncodeToString([]byte(canary)) + `"}`, 200, `"usedBy":[]`},
		{"PUT", "/api/secrets", `{"ref":"` + canary[:11] + `","value":` + string(quoted) + `}`, 422, `"path":"ref"`},
		{"GET", "/api/secrets/describe?ref=" + ref, "", 200, `"version"`},
		{"GET", "/api/secrets", "", 200, "secret://two"},
		{"GET", "/api/provider/check", "", 200, `"ok":true`},
		{"GET", "/api/status", "", 200, `"state":"Ready"`},
		{"DELETE", "/api/secrets?ref=secret://two", "", 204, ""},
	} {
		if code, body := s.ask(token, step.method, step.path, step.body); code != step.code || !strings.Contains(body, step.want) {
			t.Errorf("%s %s: %d %s", step.method, step.path, code, body)
		}
	}
	s.stop()

	again := i.serve()
	if code, body := again.ask(token, "GET", "/api/secrets/describe?ref="+ref, ""); code != 200 {
		t.Errorf("after a restart: %d %s", code, body)
	}
	again.stop()

	texts := map[string]string{
		"an answer": s.replies.String() + again.replies.String(), "the log": s.log.String() + again.log.String(), "stdout": s.out.String() + again.out.String(),
	}
	err := filepath.WalkDir(i.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		texts[path] = string(content)
		return err
	})
	if err != nil || len(texts) < 5 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	for where, text := range texts {
		for _, form := range []string{"canary-51c7", base64.StdEncoding.EncodeToString([]byte(canary)), hex.EncodeToString([]byte("canary-51c7"))} {
			if strings.Contains(text, form) {
				t.Errorf("%s has the value as %q", where, form)
			}
		}
		if filepath.Base(where) != "admin-token" && strings.Contains(text, token) {
			t.Errorf("%s has the token", where)
		}
	}
}

func TestALostTokenIsReplacedWhileTheProgramRuns(t *testing.T) {
	i := install(t)
	s := i.serve()
	old := i.token()
	s.stop()
	if err := os.Remove(filepath.Join(i.data, "admin-token")); err != nil {
		t.Fatal(err)
	}
	s = i.serve()
	defer s.stop()
	if !strings.Contains(s.said, "token reset") {
		t.Errorf("it does not say what to do: %q", s.said)
	}
	if code, _ := s.ask(old, "GET", "/api/connectors", ""); code != 200 {
		t.Errorf("the kept token gets %d", code)
	}
	out, problems, code := i.run("token", "reset", "--config", i.config)
	if code != 0 || !strings.Contains(out, "admin-token") || problems != "" {
		t.Errorf("token reset: %d %q %q", code, out, problems)
	}
	// The program that runs may remember it for two seconds, as the manual says.
	for worthless := time.Now().Add(2 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		asked := time.Now()
		code, _ := s.ask(old, "GET", "/api/connectors", "")
		if code == 401 {
			break
		}
		if asked.After(worthless) {
			t.Fatalf("the old token gets %d %s after two seconds", code, asked.Sub(worthless))
		}
	}
	fresh := i.token()
	if code, _ := s.ask(fresh, "GET", "/api/connectors", ""); code != 200 {
		t.Errorf("the new token gets %d", code)
	}
	if strings.Contains(out, fresh) {
		t.Error("the token stands on the terminal")
	}
}

func TestACommandLineOrConfigurationThatIsWrongIsExplained(t *testing.T) {
	i := install(t)
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"AdminApi":{"Listen":"0.0.0.0:5100"},"Engine":{"PollInterval":"often"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.json")
	if err := os.WriteFile(missing, []byte(`{"AdminApi": {"Listen": "127.0.0.1:0", "Tls": {"CertificateFile": "no.crt", "KeyFile": "no.key"}},
		"Authentication": {"Jwt": {"Enabled": true, "Authority": "https://id.example.test", "Audience": "a", "ClientId": "c", "ClientSecretFile": "no.txt"},
			"Negotiate": {"Enabled": true, "KeytabFile": "no.keytab"}, "Roles": {"Admin": ["a"]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("IdentityMesh__DataFolder", i.data)
	for _, c := range []struct {
		name      string
		arguments []string
		code      int
		want      []string
	}{
		{"an argument", []string{"serve"}, 2, []string{`unexpected argument "serve"`}},
		{"a flag", []string{"--nope"}, 2, []string{"-nope"}},
		{"half a command", []string{"token"}, 2, []string{"token reset"}},
		{"an argument of a command", []string{"token", "reset", "now"}, 2, []string{`"now"`}},
		{"a file that is not there", []string{"--config", bad + "x"}, 1, []string{bad + "x"}},
		{"two wrong keys", []string{"--config", bad}, 1, []string{"AdminApi:Listen", "Engine:PollInterval"}},
		{"four files that are not there", []string{"--config", missing}, 1, []string{"AdminApi:Tls:CertificateFile: ", "AdminApi:Tls:KeyFile: ",
			"Authentication:Jwt:ClientSecretFile: ", "Authentication:Negotiate:KeytabFile: "}},
		{"two wrong keys for a command", []string{"--config", bad, "token", "reset"}, 1, []string{"AdminApi:Listen", "Engine:PollInterval"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, problems, code := i.run(c.arguments...)
			if code != c.code || out != "" {
				t.Errorf("code %d, stdout %q", code, out)
			}
			for _, want := range c.want {
				if !strings.Contains(problems, want) {
					t.Errorf("stderr lacks %q: %s", want, problems)
				}
			}
		})
	}
	if out, _, code := i.run("--version"); code != 0 || !strings.Contains(out, "1.2.3") {
		t.Errorf("version: %d %q", code, out)
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	i := install(t)
	s := i.serve()
	defer s.stop()
	t.Setenv("AdminApi__Listen", strings.TrimPrefix(s.url, "http://"))
	_, problems, code := i.run("--config", i.config)
	// The second are Windows' words for it, as Wine has them.
	inUse := strings.Contains(problems, "in use") || strings.Contains(problems, "Only one usage") || strings.Contains(problems, "#10048")
	if code != 1 || !strings.Contains(problems, "AdminApi:Listen") || !inUse {
		t.Errorf("%d %s", code, problems)
	}
}

func TestTheFirstTokenIsInTheAuditLogAlsoAfterAStartThatFailed(t *testing.T) {
	i := install(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Setenv("AdminApi__Listen", taken.Addr().String())
	if _, problems, code := i.run("--config", i.config); code != 1 {
		t.Fatalf("%d %s", code, problems)
	}
	t.Setenv("AdminApi__Listen", "127.0.0.1:0")
	s := i.serve()
	defer s.stop()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		code, body := s.ask(i.token(), "GET", "/api/audit?action=tokens.create", "")
		if code == 200 && strings.Contains(body, "tokens/administrator") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d %s", code, body)
		}
	}
}

func TestOperatorsReloadTheSecretProviderWhileItServes(t *testing.T) {
	i := install(t)
	s := i.serve()
	defer s.stop()
	type status struct {
		Provider struct {
			State  string
			PID    int
			Reload struct{ Problem string }
		}
		Instances []struct{ Reload struct{ At, Problem string } }
	}
	ask := func(method, path string, into any) {
		t.Helper()
		code, body := s.ask(i.token(), method, path, "")
		if code != 200 || json.Unmarshal([]byte(body), into) != nil {
			t.Fatalf("%s %s: %d %s", method, path, code, body)
		}
	}
	eventually := func(what string, ok func(status) bool) (now status) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if ask("GET", "/api/status", &now); ok(now) {
				return now
			}
			if time.Now().After(end) {
				t.Fatalf("never: %s: %+v", what, now)
			}
		}
	}
	first := eventually("it is ready", func(n status) bool { return n.Provider.State == "Ready" })
	if code, body := s.ask(i.token(), "PUT", "/api/secrets", `{"ref": "secret://a", "value": "canary-19"}`); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	var report struct {
		OK       bool
		Provider struct{ PID int }
	}
	if ask("POST", "/api/provider/reload", &report); !report.OK || report.Provider.PID == first.Provider.PID {
		t.Errorf("report %+v, before it was %+v", report, first)
	}
	if code, body := s.ask(i.token(), "GET", "/api/secrets/describe?ref=secret://a", ""); code != 200 {
		t.Errorf("after the reload: %d %s", code, body)
	}
	if runtime.GOOS == "windows" {
		return // no SIGHUP there
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	third := eventually("SIGHUP gives another process", func(n status) bool {
		return n.Provider.PID != 0 && n.Provider.PID != report.Provider.PID && len(n.Instances) == 1 && n.Instances[0].Reload.At != ""
	})
	if err := os.WriteFile(i.config, []byte(`{"AdminApi": {"Listen": "0.0.0.0:1"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	last := eventually("a configuration that cannot be used is refused", func(n status) bool {
		return len(n.Instances) == 1 && strings.Contains(n.Instances[0].Reload.Problem, "AdminApi:Listen")
	})
	if last.Provider.PID != third.Provider.PID || last.Provider.State != "Ready" {
		t.Errorf("it changed something: %+v", last)
	}
}
