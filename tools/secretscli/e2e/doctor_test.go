package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/programtest"
)

type report struct {
	OK       bool
	Provider string
	Checks   []struct {
		Name, Status, Message, Next string
		LatencyMs                   float64
	}
}

// doctor runs the checks and expects an exit code.
func (w *world) doctor(code int) report {
	w.Helper()
	stdout, stderr := w.run("", code, "doctor", "--output", "json")
	var r report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || stderr != "" || r.OK != (code == 0) {
		w.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
	}
	return r
}

// want expects a check with a status whose message has all of texts.
func (r report) want(t *testing.T, name, status string, texts ...string) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name != name || c.Status != status {
			continue
		}
		all := true
		for _, text := range texts {
			all = all && strings.Contains(c.Message, text)
		}
		if all {
			return
		}
	}
	t.Errorf("no check %s is %s and says %q: %+v", name, status, texts, r.Checks)
}

func TestDoctorOnAHealthyHost(t *testing.T) {
	w := newWorld(t)
	w.run(canary, 0, "set", ref, "--stdin")
	r := w.doctor(0)
	hash, err := launch.Hash(programtest.File(built.Path, plugin))
	if err != nil {
		t.Fatal(err)
	}
	r.want(t, "configuration", "ok", filepath.Join(w.folder, "appsettings.json"))
	r.want(t, "provider", "ok", "Secrets:Provider is not set")
	if runtime.GOOS != "windows" {
		r.want(t, "data folder", "ok", filepath.Join(w.folder, "data"), "0700")
	}
	r.want(t, "plugin file", "ok", programtest.File(built.Path, plugin), hash, catalog.LockFile, version)
	r.want(t, "plugin", "ok", "Ready", "dpapi "+version, "contract 1.")
	r.want(t, "store", "ok", "identitymesh.db")
	r.want(t, "identity", "ok")
	r.want(t, "read", "ok")
	r.want(t, "write", "ok")
	r.want(t, "list", "ok", "1 secrets")
	for _, c := range r.Checks {
		if (c.Name == "plugin" || c.Name == "read") && c.LatencyMs <= 0 {
			t.Errorf("%s has no latency", c.Name)
		}
	}
	if stdout, _ := w.run("", 0, "doctor"); !strings.Contains(stdout, "[ok]   plugin file ") || !strings.Contains(stdout, "everything works: ") || strings.Contains(stdout, "\x1b") {
		t.Errorf("as text:\n%s", stdout)
	}
	w.wantNoCanary()
}

func TestDoctorFindsAPluginThatWasChanged(t *testing.T) {
	w := newWorld(t)
	folder := filepath.Join(w.folder, "plugins")
	if err := os.CopyFS(folder, os.DirFS(built.Path)); err != nil {
		t.Fatal(err)
	}
	path := programtest.File(folder, plugin)
	pinned, err := launch.Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("tampered"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := launch.Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	w.configure(map[string]any{"PluginFolder": folder})
	r := w.doctor(1)
	r.want(t, "plugin file", "fail", path, pinned, found, filepath.Join(folder, catalog.LockFile))
	r.want(t, "plugin", "fail", "Quarantined", pinned, found)
	r.want(t, "store", "skip")
	w.wantError(5, "UNAVAILABLE", "list")
}

func TestDoctorFindsAMissingLockFile(t *testing.T) {
	w := newWorld(t)
	w.configure(map[string]any{"PluginFolder": w.folder})
	r := w.doctor(1)
	r.want(t, "plugin file", "fail", filepath.Join(w.folder, catalog.LockFile), "does not exist")
	r.want(t, "plugin", "fail", "Quarantined")
}

func TestDoctorFindsAnUnknownProvider(t *testing.T) {
	w := newWorld(t)
	w.configure(map[string]any{"Secrets": map[string]any{"Provider": "AzureKeyVolt"}})
	r := w.doctor(1)
	r.want(t, "provider", "fail", "DPAPI is a fallback", "AzureKeyVolt", "appsettings.json")
	r.want(t, "list", "ok")
}

func TestDoctorShowsEveryProblemOfTheConfiguration(t *testing.T) {
	w := newWorld(t)
	w.configure(map[string]any{
		"Engine":  map[string]any{"PollInterval": "often"},
		"Logging": map[string]any{"Level": "loud", "Levle": "info"},
	})
	r := w.doctor(1)
	r.want(t, "configuration", "fail", "Engine:PollInterval")
	r.want(t, "configuration", "fail", "Logging:Level")
	r.want(t, "configuration", "warn", "Logging:Levle")
	w.wantError(4, "CONFIG_INVALID", "list")
}

func TestDoctorFindsADatabaseThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Join(w.folder, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join("data", "identitymesh.db"), strings.Repeat("not a database ", 400))
	r := w.doctor(1)
	r.want(t, "read", "fail", "not a database")
	r.want(t, "plugin", "ok")
}
