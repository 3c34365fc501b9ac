package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// This test needs to step between checking and running, which the package does not
// offer, so it is inside.
func TestFileCannotBeSwappedBetweenTheCheckAndTheRun(t *testing.T) {
	folder := t.TempDir()
	path, other := filepath.Join(folder, "plugin.exe"), filepath.Join(folder, "other.exe")
	body, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{path: body, other: []byte("other")} {
		if err := os.WriteFile(file, text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := openVerified(Config{Path: path, SHA256: hash, Pin: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() error{
		"written":         func() error { return os.WriteFile(path, []byte("other"), 0o700) },
		"replaced":        func() error { return os.Rename(other, path) },
		"removed":         func() error { return os.Remove(path) },
		"moved away":      func() error { return os.Rename(path, path+".old") },
		"opened to write": func() error { f, err := os.OpenFile(path, os.O_RDWR, 0); _ = f.Close(); return err },
	} {
		if err := try(); err == nil {
			t.Errorf("it was %s", what)
		}
	}
	cmd := command(image)
	cmd.Args = append(cmd.Args, "-test.list=^TestFileCannotBeSwapped")
	cmd.SysProcAttr.CreationFlags &^= heldBack
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), t.Name()) {
		t.Errorf("what ran said %q, %v", out, err)
	}
	if err := image.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Errorf("once it is closed: %v", err)
	}
}
