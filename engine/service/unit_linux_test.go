package service_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/service"
)

// packaged are the programs as the packages install them; their mains say the same.
func packaged() []service.Program {
	return []service.Program{
		{Unit: "identitymesh-engine", DisplayName: "IdentityMesh Engine", Page: "https://github.com/identitymesh/identitymesh/blob/main/docs/engine.md"},
		{Unit: "identitymesh-adminapi", DisplayName: "IdentityMesh Admin API", Page: "https://github.com/identitymesh/identitymesh/blob/main/docs/admin-api.md"},
	}
}

// written puts a text into a file of its own, as systemd's tools want it.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPackagedUnitsAreTheOnesThatInstallWrites(t *testing.T) {
	folder := filepath.Join("..", "..", "build", "package", "systemd")
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the packages are not beside this module: %v", err)
	}
	files := map[string]string{"identitymesh.sysusers": service.SysusersText()}
	for _, p := range packaged() {
		text, err := service.Unit(p, "/usr/lib/identitymesh", "/etc/identitymesh/appsettings.json", "/var/lib/identitymesh")
		if err != nil {
			t.Fatal(err)
		}
		files[p.Unit+".service"] = text
	}
	for name, want := range files {
		path := filepath.Join(folder, name)
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is another (%v); this is what it should be:\n%s", path, err, want)
		}
	}
}

// tool returns systemd's program, or skips.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("%s of Debian's package systemd is not here: %v", name, err)
	}
	return path
}

func TestSystemdTakesTheUnitsAndFindsThemHardened(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	for _, p := range packaged() {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, p.Unit), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := service.Unit(p, folder, folder+`/my "own" 100%$HOME.json`, "/var/lib/identitymesh", folder+"/my logs")
		if err != nil {
			t.Fatal(err)
		}
		if want := ` service run --config "` + folder + `/my \"own\" 100%%$$HOME.json"` + "\n"; !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
		file := written(t, p.Unit+".service", text)
		if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), p.Unit) {
			t.Errorf("%v: %s", err, out)
		}
		// 0 is nothing to complain of, 10 a service without any hardening.
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", file).CombinedOutput()
		score := regexp.MustCompile(`exposure level for .*: ([0-9.]+)`).FindSubmatch(out)
		if err != nil || score == nil {
			t.Fatalf("%v: %s", err, out)
		}
		if level, _ := strconv.ParseFloat(string(score[1]), 64); level > 2 {
			t.Errorf("%s has an exposure of %v:\n%s", p.Unit, level, out)
		}
	}
}

func TestSystemdMakesTheAccount(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), tool(t, "systemd-sysusers"), "--dry-run", "--root="+emptyRoot(t), written(t, "identitymesh.conf", service.SysusersText())).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "identitymesh") {
		t.Errorf("%v: %s", err, out)
	}
}

func emptyRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestInstallWritesAUnitForTheProgramWhereItIs(t *testing.T) {
	root := t.TempDir()
	config := written(t, "my.json", `{"IdentityMesh":{"DataFolder":"/srv/identity mesh"},"Logging":{"File":{"Folder":"/srv/logs"}}}`)
	for _, name := range []string{"identitymesh-test", "second"} {
		var out strings.Builder
		err := app(program, &out).RunContext(t.Context(), []string{"test", "service", "install", "--config", config, "--root", root, "--name", name})
		if err != nil {
			t.Fatal(err)
		}
		self, _ := os.Executable()
		text, err := os.ReadFile(filepath.Join(root, "etc/systemd/system", name+".service"))
		for _, want := range []string{
			"\nExecStart=" + self + " service run --config " + config + "\n", "\nDescription=IdentityMesh Test\n",
			"\nReadWritePaths=\"/srv/identity mesh\" /srv/logs\n", "\nRuntimeDirectory=" + name + "\n",
		} {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%q is missing (%v) in\n%s", want, err, text)
			}
		}
		for _, want := range []string{"systemd-sysusers", "systemctl enable --now " + name, "-o identitymesh -g identitymesh /srv/logs",
			"chgrp identitymesh " + config} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the operator is not told %q: %s", want, &out)
			}
		}
		if told := strings.Contains(out.String(), "the unit hides "+config); told != strings.HasPrefix(config, "/tmp/") {
			t.Errorf("whether the service sees its configuration: %s", &out)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "etc/sysusers.d/identitymesh.conf")); err != nil || string(text) != service.SysusersText() {
		t.Errorf("%v: %s", err, text)
	}
}

func TestTheRestIsAskedOfSystemctl(t *testing.T) {
	folder := t.TempDir()
	script := "#!/bin/sh\necho \"asked: $*\"\n[ \"$1\" != stop ]\n"
	if err := os.WriteFile(filepath.Join(folder, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	for args, want := range map[string]string{
		"start": "asked: start identitymesh-test\n", "restart": "asked: restart identitymesh-test\n",
		"status --name second": "asked: status second\n", "stop": "systemctl stop identitymesh-test: exit status 1",
		"remove": "identitymesh-test is not installed",
	} {
		var out strings.Builder
		err := app(program, &out).RunContext(t.Context(), append([]string{"test", "service"}, strings.Fields(args)...))
		if failed := !strings.HasPrefix(want, "asked"); failed != (err != nil) || failed && !strings.Contains(err.Error(), want) || !failed && out.String() != want {
			t.Errorf("%s: %q, %v", args, &out, err)
		}
	}
}

func TestSystemdIsToldWhenTheProgramServesAndWhenItEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	read := func() string {
		t.Helper()
		message := make([]byte, 100)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := conn.Read(message)
		if err != nil {
			t.Fatal(err)
		}
		return string(message[:n])
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := program
	p.Serve = func(ctx context.Context, s service.Session) error {
		s.Ready()
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond)
		return errors.New(s.ConfigFile)
	}
	ended := make(chan error, 1)
	var out strings.Builder
	go func() {
		ended <- app(p, &out).RunContext(ctx, []string{"test", "--config", "x.json", "service", "run"})
	}()
	if got := read(); got != "READY=1" {
		t.Errorf("first it said %q", got)
	}
	stop()
	if got := read(); got != "STOPPING=1" {
		t.Errorf("then it said %q", got)
	}
	if err := <-ended; err == nil || err.Error() != "x.json" {
		t.Errorf("it ended with %v", err)
	}
}
