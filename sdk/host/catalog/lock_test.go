package catalog_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

func TestLockKeepsWhatStillHolds(t *testing.T) {
	linux, windows := "linux/amd64", "windows/amd64"
	pin := func(sum string) map[string]catalog.Pin { return map[string]catalog.Pin{"p": {File: "f", Sha256: sum}} }
	tests := map[string]struct {
		second map[string]catalog.Pin
		target string
		ver    string
		want   string
	}{
		"another target of the same version is merged": {pin("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), windows, "1.0.0",
			`{"p":{"file":"f","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"windows/amd64":{"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}}}}`},
		"the same target is replaced": {pin("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), linux, "1.0.0",
			`{"p":{"file":"f","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}}}}`},
		"targets of an older version are dropped": {pin("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), windows, "1.1.0",
			`{"p":{"file":"f","version":"1.1.0","platforms":{"windows/amd64":{"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}}}}`},
		"another plugin is kept": {map[string]catalog.Pin{"q": {File: "g", Sha256: "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"}}, linux, "1.0.0",
			`{"p":{"file":"f","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}},
			  "q":{"file":"g","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"}}}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), catalog.LockFile)
			if err := catalog.UpdateLock(file, "1.0.0", linux, pin("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")); err != nil {
				t.Fatal(err)
			}
			if err := catalog.UpdateLock(file, tc.ver, tc.target, tc.second); err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal([]byte(`{"version":1,"plugins":`+tc.want+`}`), &want); err != nil {
				t.Fatal(err)
			}
			if got := readJSON(t, file); !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %v\nwant %v", got, want)
			}
		})
	}
}

func TestDamagedLockIsNotGuessedAt(t *testing.T) {
	for name, text := range map[string]string{"cut off": `{"version":1,`, "of a later layout": `{"version":2,"plugins":{}}`} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), catalog.LockFile)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := catalog.UpdateLock(file, "1.0.0", "linux/amd64", nil)
			if err == nil || !strings.Contains(err.Error(), "remove it to begin anew") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func readJSON(t *testing.T, file string) (v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
