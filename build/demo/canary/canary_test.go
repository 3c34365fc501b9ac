package canary_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/identitymesh/identitymesh/build/demo/canary"
)

func TestAValueIsFoundInEveryForm(t *testing.T) {
	const value = "hunter2-and-more"
	tests := map[string]struct {
		content string
		found   bool
	}{
		"as it is":                 {"\x00\x01" + value + "\xff", true},
		"in Base64":                {"x" + base64.StdEncoding.EncodeToString([]byte(value)), true},
		"in hexadecimal":           {hex.EncodeToString([]byte(value)), true},
		"in UTF-16":                {"h\x00u\x00n\x00t\x00e\x00r\x002\x00-\x00a\x00n\x00d\x00-\x00m\x00o\x00r\x00e\x00", true},
		"not when a part is there": {value[1:], false},
		"not in an empty file":     {"", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "sub", "file")
			if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			var want []string
			if tc.found {
				want = []string{file}
			}
			if got, err := canary.Find(value, filepath.Join(dir, "none"), dir); err != nil || !slices.Equal(got, want) {
				t.Errorf("found %v, %v", got, err)
			}
			if canary.Holds(tc.content, value) != tc.found {
				t.Error("a text is treated otherwise")
			}
		})
	}
}
