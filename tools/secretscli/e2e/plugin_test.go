package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/programtest"
)

// installed is the JSON form of what "plugin list" and "plugin verify" print.
type installed struct {
	Plugins []struct {
		Name, State, Sha256, FoundSha256, Problem, Next string
		InForce, Shipped                                bool
	}
}

func (i installed) states() map[string]string {
	states := map[string]string{}
	for _, p := range i.Plugins {
		states[p.Name] = p.State
	}
	return states
}

// withAcme configures a third party's plugin, which is not pinned yet, and
// returns its file.
func (w *world) withAcme(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile(programtest.File(built.Path, plugin))
	if err != nil {
		t.Fatal(err)
	}
	path := programtest.File(w.folder, "acme")
	if err := os.WriteFile(path, body, 0o755); err != nil {
		t.Fatal(err)
	}
	w.configure(map[string]any{"Secrets": map[string]any{"Plugins": map[string]any{"Acme": map[string]any{
		"Path": "acme" + strings.TrimPrefix(filepath.Base(path), "acme"), "Config": map[string]any{"DataFolder": filepath.Join(w.folder, "acme-data")},
	}}}})
	return path
}

func TestPluginsAreListedWithTheStateOfTheirFiles(t *testing.T) {
	w := newWorld(t)
	path := w.withAcme(t)
	var got installed
	stdout, _ := w.run("", 0, "plugin", "list", "--output", "json")
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if s := got.states(); s["DPAPI"] != "ok" || s["AzureKeyVault"] != "missing" || s["Acme"] != "unpinned" {
		t.Errorf("states %v", s)
	}
	text, _ := w.run("", 0, "plugin", "list")
	for _, want := range []string{"DPAPI (in force)", path, "secretscli plugin lock Acme"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from\n%s", want, text)
		}
	}
}

func TestPluginIsTrustedOnceItIsLocked(t *testing.T) {
	w := newWorld(t)
	path := w.withAcme(t)
	w.env = append(w.env, "Secrets__Provider=acme")

	_, refused := w.run("", 5, "list")
	if !strings.Contains(refused, "secretscli plugin lock Acme") {
		t.Errorf("the error does not say what to do: %s", refused)
	}
	w.run("", 1, "plugin", "lock", "acme", "--sha256", strings.Repeat("0", 64))
	w.run("", 1, "plugin", "verify")
	said, _ := w.run("", 0, "plugin", "lock", "acme")
	hash, err := launch.Hash(path)
	if err != nil || !strings.Contains(said, hash) || !strings.Contains(said, "appsettings.json") {
		t.Errorf("%v, said %s", err, said)
	}
	w.run("", 0, "plugin", "verify", "Acme", "DPAPI")
	w.run("", 0, "list")
	if again, _ := w.run("", 0, "plugin", "lock", "acme", "--sha256", strings.ToUpper(hash)); !strings.Contains(again, "already") {
		t.Errorf("said %s", again)
	}

	// Another file is kept out, and it alone.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	other, err := launch.Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	report, _ := w.run("", 1, "plugin", "verify")
	_, refused = w.run("", 5, "list")
	for where, text := range map[string]string{"the report": report, "the error": refused} {
		for _, want := range []string{hash, other, path, "secretscli plugin lock Acme"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", where, want, text)
			}
		}
	}
	w.env = slices.DeleteFunc(w.env, func(kv string) bool { return strings.HasPrefix(kv, "Secrets__Provider=") })
	w.run("", 0, "list")
}

func TestProductsOwnPluginIsLockedInTheLockFile(t *testing.T) {
	w := newWorld(t)
	folder := filepath.Join(w.folder, "plugins")
	if err := os.CopyFS(folder, os.DirFS(built.Path)); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(folder, catalog.LockFile)
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	w.configure(map[string]any{"PluginFolder": folder})
	_, refused := w.run("", 5, "list")
	if !strings.Contains(refused, lock) {
		t.Errorf("the error does not name the lock file: %s", refused)
	}
	w.run("", 0, "plugin", "lock", "dpapi")
	w.run("", 0, "plugin", "verify")
	w.run("", 0, "list")
}

func TestWhatIsNoPluginIsNotLocked(t *testing.T) {
	w := newWorld(t)
	path := w.withAcme(t)
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho hello\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(w.folder, "appsettings.json"))
	if err != nil {
		t.Fatal(err)
	}
	w.run("", 5, "plugin", "lock", "DPAPI", "Acme")
	after, err := os.ReadFile(filepath.Join(w.folder, "appsettings.json"))
	if err != nil || string(after) != string(before) {
		t.Errorf("%v, the settings changed to %s", err, after)
	}
	_, said := w.run("", 2, "plugin", "lock", "Acne")
	if !strings.Contains(said, "Acme") {
		t.Errorf("the error does not name what there is: %s", said)
	}
}

func TestPluginSaysWhatItIs(t *testing.T) {
	w := newWorld(t)
	path := w.withAcme(t)
	for _, target := range []string{"DPAPI", path} {
		var got struct {
			Name, Version, Contract, Path, Sha256 string
			Capabilities                          []string
			Limits                                struct{ MaxValueBytes, MaxRefBytes int }
			ConfigSchema                          struct{ Properties map[string]any }
		}
		w.json("", &got, "plugin", "inspect", target)
		if got.Name != "dpapi" || got.Version != version || !slices.Contains(got.Capabilities, "WRITE") ||
			len(got.Sha256) != 64 || got.ConfigSchema.Properties["DataFolder"] == nil || got.Limits.MaxValueBytes == 0 || !strings.HasPrefix(got.Contract, "1.") {
			t.Errorf("%s: got %+v", target, got)
		}
	}
	text, _ := w.run("", 0, "plugin", "inspect", "DPAPI")
	if !strings.Contains(text, "HOST_BOUND") || !strings.Contains(text, "DataFolder") {
		t.Errorf("got %s", text)
	}
	_, said := w.run("", 5, "plugin", "inspect", "Acme")
	if !strings.Contains(said, "secretscli plugin lock Acme") {
		t.Errorf("what nobody vouches for was started: %s", said)
	}
}

func TestPluginIsCheckedAgainstTheSpecification(t *testing.T) {
	w := newWorld(t)
	folder := filepath.Join(w.folder, "store")
	config, err := json.Marshal(map[string]string{"Folder": folder})
	if err = errors.Join(err, os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	path := conformance.Build(t, "github.com/identitymesh/identitymesh/sdk/template") // the provider that authors copy
	file := w.write("plugin.json", string(config))
	check := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), programtest.File(built.Path, tool), append([]string{"plugin", "check", path, "--config", file}, args...)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &out, &errs
		_ = cmd.Run() // the code says it
		if cmd.ProcessState.ExitCode() != code {
			t.Fatalf("exit code %d, want %d\n%s\n%s", cmd.ProcessState.ExitCode(), code, &out, &errs)
		}
		return out.String(), errs.String()
	}
	stdout, stderr := check(0, "--output", "json")
	var report struct {
		Level   string
		Plugin  struct{ Name string }
		Results []struct{ Case, Verdict, Spec string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || report.Level != "versioned" || report.Plugin.Name != "filestore" || len(report.Results) < 50 {
		t.Errorf("%v, got %s\n%s", err, stdout, stderr)
	}
	for _, r := range report.Results {
		if r.Case == "" || r.Verdict == "fail" || !strings.HasSuffix(r.Spec, "#"+r.Case) {
			t.Errorf("got %+v", r)
		}
	}
	// What is no plugin reaches no level.
	path = w.write("no-plugin", "#!/bin/sh\necho hello\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	stdout, _ = check(10)
	if !strings.Contains(stdout, "level reached: none") || !strings.Contains(stdout, "docs/spec/process.md#") {
		t.Errorf("got %s", stdout)
	}
	check(2, "--level", "best")
	check(2, "--seeds", file)
}
