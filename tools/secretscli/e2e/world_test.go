package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/programtest"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// canary is in every value that the tests store.
const canary = "canary-9e02-value"

const (
	version = "0.1.0"
	tool    = "secretscli"
	plugin  = "identitymesh-plugin-dpapi"
)

// built has both programs.
var built *programtest.Folder

func TestMain(m *testing.M) {
	built = programtest.Build(version, programtest.Program{Dir: "..", Package: "./cmd/" + tool},
		programtest.Program{Dir: "../../../plugins/dpapi", Package: "./cmd/" + plugin, Plugin: "dpapi"})
	os.Exit(built.Run(m))
}

// world is a host on which the product is installed.
type world struct {
	*testing.T
	// folder has appsettings.json and the data folder.
	folder string
	env    []string
	// said is everything that any run printed.
	said *bytes.Buffer
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	other := *w
	other.T = t
	return &other
}

func newWorld(t *testing.T) *world {
	t.Helper()
	built.Need(t)
	w := &world{T: t, folder: programtest.TempDir(t), env: programtest.Environ(), said: &bytes.Buffer{}}
	w.configure(map[string]any{})
	return w
}

// configure writes appsettings.json: the folders, and what is given beside them.
func (w *world) configure(more map[string]any) {
	w.Helper()
	product := map[string]any{"DataFolder": "data", "PluginFolder": built.Path}
	if folder, ok := more["PluginFolder"]; ok {
		product["PluginFolder"] = folder
		delete(more, "PluginFolder")
	}
	more["IdentityMesh"] = product
	text, err := json.Marshal(more)
	if err != nil {
		w.Fatal(err)
	}
	w.write("appsettings.json", string(text))
}

func (w *world) write(name, text string) (path string) {
	w.Helper()
	path = filepath.Join(w.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

// command is secretscli with this world's configuration.
func (w *world) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, programtest.File(built.Path, tool), append([]string{"--config", filepath.Join(w.folder, "appsettings.json")}, args...)...)
	cmd.Env = w.env
	return cmd
}

// run runs it to its end and expects an exit code.
func (w *world) run(stdin string, code int, args ...string) (stdout, stderr string) {
	w.Helper()
	cmd := w.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	w.said.WriteString(out.String() + errs.String())
	if cmd.ProcessState.ExitCode() != code {
		w.Fatalf("secretscli %v: %v, want exit code %d\nstdout: %s\nstderr: %s", args, err, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// json is run with --output json, and reads the result.
func (w *world) json(stdin string, result any, args ...string) {
	w.Helper()
	stdout, stderr := w.run(stdin, 0, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(stdout), result); err != nil || stderr != "" {
		w.Fatalf("secretscli %v: %v\nstdout: %s\nstderr: %s", args, err, stdout, stderr)
	}
}

// host is how another program of the product opens the store.
func (w *world) host() host.Config {
	w.Helper()
	settings, problems := appsettings.Load(appsettings.Options{File: filepath.Join(w.folder, "appsettings.json")})
	choice, more := catalog.Choose(settings, catalog.Options{Environ: w.env})
	if problems.HasErrors() || more.HasErrors() {
		w.Fatal(problems, more)
	}
	return host.Config{Choice: choice, DataFolder: settings.Product.DataFolder, Environ: w.env,
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()}
}

// wantStored reads a value as the engine does; no command shows one.
func (w *world) wantStored(ref secret.Ref, want string) {
	w.Helper()
	resolver, err := host.OpenResolver(w.host())
	if err != nil {
		w.Fatal(err)
	}
	defer resolver.Close()
	got, err := resolver.Get(w.Context(), ref, secret.Current)
	if err != nil {
		w.Fatal(err)
	}
	defer got.Value.Wipe()
	if string(got.Value.Reveal()) != want {
		w.Errorf("%s holds %d bytes that are not the %d expected", ref, len(got.Value.Reveal()), len(want))
	}
}

// wantNoCanary searches what was printed and what is on the disk.
func (w *world) wantNoCanary() {
	w.Helper()
	needles := []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))[:16]}
	check := func(where string, text []byte) {
		for _, needle := range needles {
			if bytes.Contains(text, []byte(needle)) {
				w.Errorf("%s has the value", where)
			}
		}
	}
	check("the output", w.said.Bytes())
	files := 0
	err := filepath.WalkDir(filepath.Join(w.folder, "data"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		check(path, text)
		return err
	})
	if err != nil || files < 2 {
		w.Errorf("looked into %d files of the data folder, %v", files, err)
	}
}
