package launch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// These tests need to step between checking and running, which the package does
// not offer, so they are inside.

func copyOf(t *testing.T, program, to string) {
	t.Helper()
	body, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(to, body, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFileThatWasSwappedAfterTheCheckDoesNotRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	copyOf(t, "/bin/echo", path)
	hash, err := Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := openVerified(Config{Path: path, SHA256: hash, Pin: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	other := path + ".new"
	copyOf(t, "/bin/false", other)
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	cmd := command(image)
	cmd.Args = append(cmd.Args, "the first one")
	out, err := cmd.Output()
	if err != nil || string(out) != "the first one\n" {
		t.Errorf("what ran said %q, %v", out, err)
	}
}

func TestWrongHashNamesEverythingAnOperatorNeeds(t *testing.T) {
	want := strings.Repeat("AB", 32)
	_, err := openVerified(Config{Name: "acme", Path: "/bin/echo", SHA256: want, Pin: "Secrets:Plugins:acme:Sha256"})
	var wrong *HashError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"/bin/echo", strings.ToLower(want), wrong.Found, "Secrets:Plugins:acme:Sha256", "secretscli plugin lock acme"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := openVerified(Config{Path: dir}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := openVerified(Config{Path: filepath.Join(dir, "none")}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("nothing: %v", err)
	}
}

func TestFolderForSockets(t *testing.T) {
	short, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	t.Run("that others may enter is refused", func(t *testing.T) {
		open := filepath.Join(short, "open")
		if err := os.Mkdir(open, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFolder(open); err == nil || !strings.Contains(err.Error(), "chmod 0700") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("whose path is too long is refused with the key to change", func(t *testing.T) {
		if _, err := OpenFolder(filepath.Join(short, strings.Repeat("x", 90))); err == nil || !strings.Contains(err.Error(), "IdentityMesh:DataFolder") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the first that can be used is taken", func(t *testing.T) {
		f, err := OpenFolder(filepath.Join(short, strings.Repeat("x", 90)), filepath.Join(short, "run"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if info, err := os.Stat(f.Path()); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("got %v, %v", info, err)
		}
	})
	t.Run("of a living host stays when another host starts", func(t *testing.T) {
		base := filepath.Join(short, "two")
		first, err := OpenFolder(base)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		second, err := OpenFolder(base)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if _, err := os.Stat(first.Path()); err != nil {
			t.Error(err)
		}
	})
}
