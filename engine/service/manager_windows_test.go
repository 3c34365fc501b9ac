package service_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/sdk/boot"
)

// TestMain lets the binary of the tests be the service that they install.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "service" {
		var out strings.Builder
		err := app(noting(), &out).Run(os.Args)
		os.Exit(boot.Exit(os.Stderr, err))
	}
	os.Exit(m.Run())
}

// noting is a program that notes beside its configuration what happens to it, and
// fails when there is a file called fail.
func noting() service.Program {
	p := program
	p.Serve = func(ctx context.Context, s service.Session) error {
		folder := filepath.Dir(s.ConfigFile)
		note := func(what string) error {
			f, err := os.OpenFile(filepath.Join(folder, "notes"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(f, what, " ")
			return errors.Join(err, f.Close())
		}
		if _, err := os.Stat(filepath.Join(folder, "fail")); err == nil {
			return errors.New("asked to fail")
		}
		if !s.Files || s.Events == nil {
			return fmt.Errorf("session %+v", s)
		}
		if err := note("up"); err != nil {
			return err
		}
		s.Ready()
		<-ctx.Done()
		return note("down")
	}
	return p
}

// installed is a service of a name of its own, which ends with the test.
type installed struct {
	t            *testing.T
	name, folder string
}

func newService(t *testing.T) installed {
	t.Helper()
	s := installed{t: t, name: fmt.Sprintf("IdentityMeshTest%d", os.Getpid()), folder: t.TempDir()}
	config := filepath.Join(s.folder, "appsettings.json")
	if err := os.WriteFile(config, fmt.Appendf(nil, `{"IdentityMesh":{"DataFolder":%q}}`, filepath.Join(s.folder, "data")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = s.do("remove") // of a process that was killed and had the same number
	t.Cleanup(func() { _, _ = s.do("remove") })
	s.must("is installed and could not be", "install", "--config", config, "--depends-on", "RpcSs")
	return s
}

func (s installed) do(verb string, options ...string) (string, error) {
	var out strings.Builder
	args := append([]string{"test", "service", verb, "--name", s.name}, options...)
	err := app(program, &out).RunContext(context.Background(), args)
	return out.String(), err
}

func (s installed) must(what string, verb string, options ...string) string {
	s.t.Helper()
	out, err := s.do(verb, options...)
	if err != nil {
		s.t.Fatalf("the service %s: %v", what, err)
	}
	return out
}

func (s installed) notes() string {
	text, _ := os.ReadFile(filepath.Join(s.folder, "notes"))
	return string(text)
}

func TestServiceIsInstalledWithItsAccountRecoveryAndEventSource(t *testing.T) {
	s := newService(t)
	m, err := mgr.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Disconnect()
	opened, err := m.OpenService(s.name)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	self, _ := os.Executable()
	command := fmt.Sprintf(`%s service run --name %s --config %s`, syscall.EscapeArg(self), s.name, syscall.EscapeArg(filepath.Join(s.folder, "appsettings.json")))
	if out := s.must("tells its state", "status"); !strings.Contains(out, "command: "+command+"\n") || !strings.Contains(out, `account: NT SERVICE\`+s.name+"\n") {
		t.Errorf("status %s, want the command line %s", out, command)
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\EventLog\Application\`+s.name, registry.QUERY_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if file, _, err := key.GetStringValue("EventMessageFile"); err != nil || !strings.HasSuffix(file, "EventCreate.exe") {
		t.Errorf("the event source shows its messages with %q, %v", file, err)
	}
	if _, err := os.Stat(filepath.Join(s.folder, "data")); err != nil {
		t.Errorf("the data folder was not made: %v", err)
	}
	if underWine() {
		return // it knows no SIDs of services, and forgets recovery actions
	}
	c, err := opened.Config()
	if err != nil || !c.DelayedAutoStart || c.SidType != windows.SERVICE_SID_TYPE_UNRESTRICTED || c.StartType != mgr.StartAutomatic ||
		c.DisplayName != "IdentityMesh Test ("+s.name+")" || c.Description != "Tests." || !slices.Equal(c.Dependencies, []string{"RpcSs"}) {
		t.Errorf("configuration %+v, %v", c, err)
	}
	actions, err := opened.RecoveryActions()
	if err != nil || len(actions) != 3 || actions[0].Type != mgr.ServiceRestart || actions[0].Delay != 5*time.Second {
		t.Errorf("recovery %+v, %v", actions, err)
	}
	if also, err := opened.RecoveryActionsOnNonCrashFailures(); err != nil || !also {
		t.Errorf("an end with an error counts: %v, %v", also, err)
	}
}

// underWine reports whether this is no Windows.
func underWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func TestServiceGetsItsRightToTheFolderThatTheSystemsEnvironmentNames(t *testing.T) {
	const name, path = "IdentityMesh__DataFolder", `SYSTEM\CurrentControlSet\Control\Session Manager\Environment`
	folder := filepath.Join(t.TempDir(), "elsewhere")
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	if err == nil {
		err = key.SetStringValue(name, folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	defer func() { _ = key.DeleteValue(name) }()
	t.Setenv(name, filepath.Join(t.TempDir(), "of-the-administrator"))
	newService(t)
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
}

func TestServiceStartsStopsRestartsAndIsRemoved(t *testing.T) {
	s := newService(t)
	if out := s.must("tells its state", "status"); !strings.Contains(out, "stopped") || !strings.Contains(out, `NT SERVICE\`+s.name) {
		t.Errorf("status: %s", out)
	}
	s.must("starts", "start")
	if out := s.must("tells its state", "status"); !strings.Contains(out, "running, process ") {
		t.Errorf("status: %s", out)
	}
	if out := s.must("starts once", "start"); !strings.Contains(out, "runs already") {
		t.Errorf("a second start: %s", out)
	}
	s.must("restarts", "restart")
	began := time.Now()
	s.must("stops", "stop")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if got := s.notes(); got != "up down up down " {
		t.Errorf("it noted %q", got)
	}
	s.must("stops twice", "stop")
	s.must("starts again", "start")
	s.must("is removed while it runs", "remove")
	if got := s.notes(); got != "up down up down up down " {
		t.Errorf("it noted %q", got)
	}
	if _, err := s.do("status"); err == nil || !strings.Contains(err.Error(), "is not installed") {
		t.Errorf("after that: %v", err)
	}
	if key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\EventLog\Application\`+s.name, registry.QUERY_VALUE); err == nil {
		key.Close()
		t.Error("its event source is still there")
	}
}

func TestServiceThatCannotServeSaysSo(t *testing.T) {
	s := newService(t)
	if err := os.WriteFile(filepath.Join(s.folder, "fail"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.do("start"); err == nil || !strings.Contains(err.Error(), "exit code 1") || !strings.Contains(err.Error(), "event log") {
		t.Errorf("got %q, %v", out, err)
	}
	if out := s.must("tells its state", "status"); !strings.Contains(out, "ended with exit code 1") {
		t.Errorf("status: %s", out)
	}
}

func TestServiceIsNotInstalledOverAnother(t *testing.T) {
	s := newService(t)
	if _, err := s.do("install"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("got %v", err)
	}
	s.must("is untouched", "start")
}

func TestRunIsForTheServiceManagerOnly(t *testing.T) {
	if underWine() {
		t.Skip("Wine: it takes 10 s to say that there is no service manager")
	}
	_, err := installed{name: "IdentityMeshNone"}.do("run")
	var usage *boot.UsageError
	if !errors.As(err, &usage) {
		t.Errorf("got %v", err)
	}
}
