package wine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite/wine"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// What a test within Wine needs: folders that can be removed, a go command whose
// programs run, random numbers, and a verdict that comes out.
const inside = `package inside

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

func TestBuild(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Fatal(runtime.GOOS)
	}
	program := filepath.Join(t.TempDir(), "hello.exe")
	if out, err := exec.Command("go", "build", "-o", program, "./hello").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	if out, err := exec.Command(program, folder).CombinedOutput(); err != nil || string(out) != "made and removed" {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the folder: %v", err)
	}
	if out, err := exec.Command("go", "build", "./nothing").CombinedOutput(); err == nil {
		t.Errorf("what cannot be built: %s", out)
	}
}

func TestBad(t *testing.T) { t.Fatal("bent on", runtime.GOOS) }
`

const hello = `package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if os.MkdirAll(filepath.Join(os.Args[1], "below"), 0o700) == nil && os.RemoveAll(os.Args[1]) == nil {
		fmt.Print("made and removed")
	}
}
`

func TestTestsRunUnderWine(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.test\n\ngo 1.26\n", "inside_test.go": inside, "hello/main.go": hello} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	err = wine.Test(t.Context(), wine.Config{Workspace: w, Runs: []wine.Run{{Dir: dir, Args: []string{"-v", "-count=1", "."}}}, Stdout: &out, Stderr: &out})
	var missing *wine.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	for _, want := range []string{"--- PASS: TestBuild", "--- FAIL: TestBad", "bent on windows", "FAIL\texample.test"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "exit status 1") || t.Failed() {
		t.Errorf("%v\n%s", err, &out)
	}
}
