package datafolder_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

func TestNewFolderIsClosedAndStaysUsable(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "above", "data")
	for range 2 { // the second time it is there
		if _, err := datafolder.Prepare(folder); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "identitymesh.db"), nil, 0o600); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(folder); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestFileInItsPlaceIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := datafolder.Prepare(file); err == nil || !strings.Contains(err.Error(), "IdentityMesh:DataFolder") || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestFolderThatOthersCanOpenIsClosedOnlyWhenItIsOurs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the same on the access lists is in access_windows_test.go")
	}
	for name, c := range map[string]struct {
		mode   os.FileMode
		holds  string
		closed string // who is told of
		err    bool
	}{
		"a folder of its own":                {0o700, "x.txt", "", false},
		"one with fewer rights":              {0o500, "x.txt", "", false},
		"an empty one that all may enter":    {0o755, "", "all users", false},
		"one with the database":              {0o750, "identitymesh.db", "its group", false},
		"one with an engine's lock":          {0o701, "engine-one.lock", "all users", false},
		"one with other things":              {0o755, "x.txt", "", true},
		"a folder that programs share":       {0o777 | os.ModeSticky, "x.txt", "", true},
		"one that only looks like an engine": {0o755, "engine-room.txt", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.holds != "" {
				if err := os.WriteFile(filepath.Join(folder, c.holds), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(folder, c.mode); err != nil {
				t.Fatal(err)
			}
			closed, err := datafolder.Prepare(folder)
			var open *datafolder.OpenError
			if errors.As(err, &open) != c.err || (err != nil) != c.err || !strings.Contains(closed, c.closed) || c.closed == "" && closed != "" {
				t.Fatalf("closed to %q, %v", closed, err)
			}
			if c.err && !strings.Contains(err.Error(), "chmod 0700 "+folder) {
				t.Errorf("it does not say what to do: %v", err)
			}
			want := c.mode
			if c.closed != "" {
				want = 0o700
			}
			if info, err := os.Stat(folder); err != nil || info.Mode()&^os.ModeDir != want {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}
