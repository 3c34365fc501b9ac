package bulk_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/programtest"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/command"
)

// world is a host with the product, a fake vault, and a folder for another store.
type world struct {
	*testing.T
	folder  string
	env     []string
	control string
	said    bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, folder: programtest.TempDir(t)}
	w.vault()
	w.configure("appsettings.json", "data", vaultHost)
	w.configure("other.json", "other", vaultHost)
	return w
}

// vault starts the fake.
func (w *world) vault() {
	w.Helper()
	dir := filepath.Join(w.folder, "vault")
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.Fatal(err)
	}
	cmd := exec.CommandContext(w.Context(), programtest.File(built.Path, "fakevault"), "-listen", "127.0.0.1:443", "-vaults", vaultHost+","+otherHost, "-dir", dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		w.Fatalf("the fake vault says %q: %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	var access struct{ Tenant, ClientID, ClientSecret, IdentityEndpoint string }
	text, err := os.ReadFile(filepath.Join(dir, "access.json"))
	if err == nil {
		err = json.Unmarshal(text, &access)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.control = strings.TrimSuffix(access.IdentityEndpoint, "/msi/token") + "/control/"
	w.env = append(os.Environ(), "AZURE_TENANT_ID="+access.Tenant, "AZURE_CLIENT_ID="+access.ClientID, "AZURE_CLIENT_SECRET="+access.ClientSecret,
		"SSL_CERT_FILE="+filepath.Join(dir, "ca.pem"))
}

// signIn makes the product sign in as another principal.
func (w *world) signIn(id, password string) {
	for i, kv := range w.env {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "AZURE_CLIENT_ID":
			w.env[i] = name + "=" + id
		case "AZURE_CLIENT_SECRET":
			w.env[i] = name + "=" + password
		}
	}
}

func (w *world) configure(file, data, vault string) {
	w.Helper()
	text, err := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": data, "PluginFolder": built.Path},
		"Secrets":      map[string]any{"KeyVault": map[string]any{"VaultUri": "https://" + vault + "/"}},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(w.folder, file), text, 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// tell tells the fake something.
func (w *world) tell(method, path, body string) []byte {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.control+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		w.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
	return text
}

// there puts a secret into the vault, as if it had been written by the product.
func (w *world) there(ref secret.Ref, value []byte) {
	w.Helper()
	w.tell(http.MethodPut, vaultHost+"/"+naming.Name(string(ref))+"?im-ref="+url.QueryEscape(string(ref)), base64.StdEncoding.EncodeToString(value))
}

// must runs the program in this process; it has to end with code and say all of wants.
func (w *world) must(code int, args []string, wants ...string) {
	w.Helper()
	began := time.Now()
	var out bytes.Buffer
	got := command.Run(w.Context(), append([]string{"identitymesh-migrate", "--config", filepath.Join(w.folder, "appsettings.json")}, args...), command.Config{
		Build: buildinfo.Info{Version: version}, Environ: w.env, Now: time.Now, Stdin: os.Stdin, Stdout: &out, Stderr: &out,
	})
	w.said.Write(out.Bytes())
	w.Logf("migrate %v: %s", args, time.Since(began).Round(time.Second))
	if got != code {
		w.Fatalf("migrate %v: code %d, want %d\n%s", args, got, code, out.String())
	}
	for _, want := range wants {
		if !strings.Contains(out.String(), want) {
			w.Errorf("migrate %v does not say %q:\n%s", args, want, out.String())
		}
	}
}

// carrier opens the store of a provider.
func (w *world) carrier(file, name string) *host.Carrier {
	w.Helper()
	s, problems := appsettings.Load(appsettings.Options{File: filepath.Join(w.folder, file), Environ: w.env})
	if err := problems.Err(); err != nil {
		w.Fatal(err)
	}
	for _, choice := range catalog.All(s, catalog.Options{Environ: w.env}) {
		if choice.Provider != name {
			continue
		}
		c, err := host.OpenCarrier(host.Config{Choice: choice, DataFolder: s.Product.DataFolder, Environ: w.env,
			Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()})
		if err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() { _ = c.Close() })
		return c
	}
	w.Fatalf("no provider %s", name)
	return nil
}

// clean looks for values in what was printed and in the files of the migration.
func (w *world) clean(canary string) {
	w.Helper()
	if strings.Contains(w.said.String(), canary) {
		w.Error("a value was printed")
	}
	files, err := filepath.Glob(filepath.Join(w.folder, "migration*"))
	if err != nil || len(files) < 2 {
		w.Errorf("%v, %v", files, err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte(canary)) {
			w.Errorf("a value is in %s, or %v", file, err)
		}
	}
}

func ref(i int) secret.Ref { return secret.Ref(fmt.Sprintf("secret://bulk/%05d", i)) }
