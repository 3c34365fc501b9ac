package dpapi_test

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/naming"
)

func TestAValueIsInNoFileAndNoLog(t *testing.T) {
	const canary = "CANARY-7f3a9c51e2"
	forms := []string{canary, hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:20]}
	folder := t.TempDir()
	s := openStore(t, folder, "")
	s.set(ref, canary)
	s.wantValue(ref, canary)
	s.set(ref, canary+"2")
	s.set("secret://b", canary)
	if err := s.Delete(t.Context(), "secret://b"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	// While the store is open, so that the write-ahead log is there.
	files := map[string]bool{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[entry.Name()] = len(content) > 0
		for _, form := range forms {
			if strings.Contains(string(content), form) {
				t.Errorf("%s holds the value", path)
			}
		}
		return nil
	})
	if err != nil || !files["identitymesh.db"] || !files["identitymesh.db-wal"] || !files["host.key"] && runtime.GOOS != "windows" {
		t.Errorf("searched %v, %v", files, err)
	}
	logs := s.logs.String()
	for _, form := range forms {
		if strings.Contains(logs, form) {
			t.Errorf("the log holds the value: %s", logs)
		}
	}
	for _, want := range []string{`"secret set"`, `"secret deleted"`, `"ref":"` + ref + `"`, `"name":"` + naming.Name(ref) + `"`, `"version":"`} {
		if !strings.Contains(logs, want) {
			t.Errorf("the log does not have %s: %s", want, logs)
		}
	}
}
