package keyfile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/authn/keyfile"
)

func TestAFileThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("c4nary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o604: false, 0o660: false, 0o601: false, 0o602: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		content, err := keyfile.Read(path)
		if ok != (err == nil) || ok && string(content) != "c4nary" {
			t.Errorf("mode %04o: %q, %v", mode, content, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "chmod g-w,o= "+path) || strings.Contains(err.Error(), "c4nary")) {
			t.Errorf("error %v", err)
		}
	}
}

func TestOnlySmallRegularFilesAreRead(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, make([]byte, keyfile.MaxBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(folder, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, large, empty, filepath.Join(folder, "none")} {
		if content, err := keyfile.Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %d bytes, %v", path, len(content), err)
		}
	}
}
