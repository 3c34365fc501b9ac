package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/tools/secretscli/doctor"
)

// store is one that answers as the test says.
type store struct {
	infoErr, checkErr error
	report            provider.CheckReport
	status            supervise.Status
}

func (s store) Info(context.Context) (facade.Info, error) {
	return facade.Info{Name: "mem", Version: "1.2.3", Major: 1, Minor: 4}, s.infoErr
}
func (s store) Check(context.Context) (provider.CheckReport, error) { return s.report, s.checkErr }
func (s store) Status() host.Status                                 { return host.Status{Plugin: s.status} }

func healthy() store {
	return store{status: supervise.Status{State: supervise.Ready}, report: provider.CheckReport{
		Target: "the-vault", Identity: "the-identity",
		Results: []provider.CheckResult{{Name: "read", OK: true, Message: "fine", Latency: 12345 * time.Microsecond}},
	}}
}

// world is what a test changes before it has it examined.
type world struct {
	config doctor.Config
	store  store
}

func newWorld(t *testing.T) *world {
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	settings, problems := appsettings.Load(appsettings.Options{Folder: folder, Environ: []string{"IdentityMesh__DataFolder=" + folder}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	plugin := filepath.Join(folder, "plugin")
	if err := os.WriteFile(plugin, []byte("a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	hash, err := launch.Hash(plugin)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: healthy()}
	begin := time.Unix(0, 0)
	w.config = doctor.Config{
		Settings: settings,
		Choice: catalog.Choice{Provider: "mem", Why: "the test says so",
			Plugin: catalog.Plugin{Path: plugin, SHA256: hash, Pin: "the pin", ConfigPath: "Secrets:Plugins:mem:Config"}},
		Open: func() (doctor.Store, error) { return w.store, nil },
		Now:  func() time.Time { begin = begin.Add(30 * time.Millisecond); return begin },
	}
	return w
}

func TestExamine(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		check  string
		status doctor.Status
		says   string
		failed bool
	}{
		"a plugin that starts is named with its contract": {func(*world) {}, "plugin", doctor.OK, "Ready: mem 1.2.3, contract 1.4", false},
		"the store is named":                              {func(*world) {}, "store", doctor.OK, "the-vault", false},
		"the identity is named":                           {func(*world) {}, "identity", doctor.OK, "the-identity", false},
		"a right is told with the plugin's words":         {func(*world) {}, "read", doctor.OK, "fine", false},
		"an unknown provider fails": {func(w *world) { w.config.Choice.Fallback = true },
			"provider", doctor.Fail, "mem is a fallback: the test says so", true},
		"a warning of the configuration does not fail": {func(w *world) { w.config.Warnings.Warnf("Secrets:Provder", "unknown key") },
			"configuration", doctor.Warn, "Secrets:Provder: unknown key", false},
		"a missing lock file fails": {func(w *world) { w.config.Choice.Problem = errors.New("no lock file") },
			"plugin file", doctor.Fail, "no lock file", true},
		"a missing plugin fails": {func(w *world) { w.config.Choice.Plugin.Path += "-gone" },
			"plugin file", doctor.Fail, "-gone", true},
		"no place for sockets fails": {func(w *world) {
			w.config.Open = func() (doctor.Store, error) { return nil, errors.New("path too long") }
		}, "plugin", doctor.Fail, "path too long", true},
		"a plugin that does not start fails": {func(w *world) { w.store.infoErr = errors.New("Quarantined: it crashed") },
			"plugin", doctor.Fail, "Quarantined: it crashed", true},
		"what needs the plugin is skipped then": {func(w *world) { w.store.infoErr = errors.New("Quarantined") },
			"store", doctor.Skip, "not tried", true},
		"a plugin that broke the contract is a warning": {func(w *world) {
			w.store.status.State, w.store.status.Problem = supervise.Degraded, "it broke the contract in Get"
		}, "plugin state", doctor.Warn, "Degraded: it broke the contract in Get", false},
		"a plugin that was given up meanwhile fails": {func(w *world) {
			w.store.status.State, w.store.status.Problem = supervise.Quarantined, "it died 6 times"
		}, "plugin state", doctor.Fail, "Quarantined: it died 6 times", true},
		"a plugin that had to be restarted is a warning": {func(w *world) { w.store.status.Restarts = 2 },
			"plugin", doctor.Warn, "started again 2 times", false},
		"a warning of the plugin is shown": {func(w *world) { w.store.status.Warnings = []string{"Region: unknown"} },
			"plugin configuration", doctor.Warn, "Region: unknown", false},
		"a plugin without a check is skipped": {func(w *world) { w.store.checkErr = fault.New(fault.Unsupported, fault.SourcePlugin, "none") },
			"store", doctor.Skip, "no check of its own", false},
		"a check that breaks fails": {func(w *world) { w.store.checkErr = fault.New(fault.Timeout, fault.SourceBackend, "too slow") },
			"store", doctor.Fail, "TIMEOUT: too slow", true},
		"a missing right fails": {func(w *world) {
			w.store.report.Results[0] = provider.CheckResult{Name: "read", Message: "403 Forbidden"}
		}, "read", doctor.Fail, "403 Forbidden", true},
		"a right that was not tried is skipped": {func(w *world) {
			w.store.report.Results[0] = provider.CheckResult{Name: "write", Skipped: true, Message: "it would cost"}
		}, "write", doctor.Skip, "it would cost", false},
		"a store without identities skips that": {func(w *world) { w.store.report.Identity = "" },
			"identity", doctor.Skip, "does not name", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			report := doctor.Examine(t.Context(), w.config)
			if report.OK == c.failed || report.Provider != "mem" {
				t.Errorf("got %+v", report)
			}
			found := false
			for _, got := range report.Checks {
				found = found || got.Name == c.check && got.Status == c.status && strings.Contains(got.Message, c.says)
				if got.Status == doctor.Fail && got.Next == "" {
					t.Errorf("%s fails without a next step", got.Name)
				}
			}
			if !found {
				t.Errorf("no check %q is %s and says %q: %+v", c.check, c.status, c.says, report.Checks)
			}
		})
	}
}

func TestFallbackIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.config.Choice.Fallback = true
	w.config.Warnings.Warnf("Secrets:Provider", "unknown")
	for _, c := range doctor.Examine(t.Context(), w.config).Checks {
		if c.Status == doctor.Warn {
			t.Errorf("got %+v", c)
		}
	}
}

func TestRefusedShowsEveryProblem(t *testing.T) {
	var list diag.List
	list.Errorf("Engine:PollInterval", "expected a duration")
	list.Errorf("Logging:Level", "expected a level")
	list.Warnf("Secrets:Provder", "unknown key")
	report := doctor.Refused(list.Err())
	var got []string
	for _, c := range report.Checks {
		got = append(got, string(c.Status))
	}
	if report.OK || strings.Join(got, " ") != "fail fail warn skip" {
		t.Errorf("got %+v", report)
	}
}

func TestPrint(t *testing.T) {
	w := newWorld(t)
	w.config.Choice.Fallback = true
	w.store.report.Results = append(w.store.report.Results, provider.CheckResult{Name: "write", Skipped: true, Message: "no\x1b[2J"})
	report := doctor.Examine(t.Context(), w.config)
	skipped := "1"
	if runtime.GOOS == "windows" {
		skipped = "2" // the folder's access list too
	}
	for symbols, want := range map[bool][]string{
		true:  {"✗ provider       mem is", "\n                 next: correct", "✓ read           fine (12.3ms)\n", "- write          no\uFFFD[2J\n"},
		false: {"[FAIL] provider       mem is", "\n                      next: correct", "[ok]   read           fine (12.3ms)\n", "[skip] write          no\uFFFD[2J\n"},
	} {
		var b bytes.Buffer
		if err := report.Print(&b, symbols); err != nil {
			t.Fatal(err)
		}
		for _, text := range append(want, "something does not work: ", "1 failed, "+skipped+" skipped\n") {
			if !strings.Contains(b.String(), text) {
				t.Errorf("no %q in:\n%s", text, b.String())
			}
		}
	}
}

func TestJSONHasLatencies(t *testing.T) {
	text, err := json.Marshal(doctor.Check{Name: "read", Status: doctor.OK, Message: "fine", Latency: 1500 * time.Microsecond})
	if want := `{"name":"read","status":"ok","message":"fine","latencyMs":1.5}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}
