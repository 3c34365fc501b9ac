package conformance_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

// examples has the provider in Python, which is no part of this module.
const examples = "../../docs/authors/examples/python"

// The contract is not made for Go: a provider in Python, without a line of ours in
// the SDK, keeps all of it.
func TestAProviderInPythonConforms(t *testing.T) {
	binary := buildPython(t)
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	text := base64.StdEncoding.EncodeToString(key)
	config := func(database string) []byte {
		body, err := json.Marshal(map[string]string{"Database": database, "Key": text})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	dir := t.TempDir()
	report := conformance.Test(t, conformance.Config{
		Binary:      binary,
		Config:      config(filepath.Join(dir, "secrets.db")),
		Unreachable: config(filepath.Join(dir, "absent", "secrets.db")),
		Canaries:    []string{text},
	})
	if report.Level() != conformance.Versioned {
		t.Errorf("the level is %s", report.Level())
	}
}

// No host can make a good provider fail from outside, so what becomes of the text
// of an exception is looked at from inside.
func TestAProviderInPythonWithholdsTextsOfExceptions(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-B", filepath.Join(examples, "leaks_test.py"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+buildPython(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// buildPython makes the one file of the provider, twice: who pins a file wants
// others to be able to make the same one.
func buildPython(t *testing.T) string {
	t.Helper()
	missing := func(why string) {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip("SKIPPED: " + why)
	}
	if _, err := os.Stat(examples); err != nil {
		missing("the provider in Python is not beside this module: " + err.Error())
	}
	if out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import grpc, cryptography, google.protobuf").CombinedOutput(); err != nil {
		missing("the provider in Python needs python3-grpcio, python3-protobuf and python3-cryptography: " + string(out))
	}
	if _, err := exec.LookPath("protoc"); err != nil {
		missing("the provider in Python needs protobuf-compiler and libprotobuf-dev: " + err.Error())
	}
	var built [2][]byte
	binary := ""
	for i := range built {
		binary = filepath.Join(t.TempDir(), "sealed-sqlite")
		out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", filepath.Join(examples, "build.py"), binary).CombinedOutput()
		if err != nil {
			t.Fatalf("build the provider in Python: %v\n%s", err, out)
		}
		if built[i], err = os.ReadFile(binary); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two builds of the same sources differ")
	}
	return binary
}
