package debian_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite/debian"
)

func TestPresence(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "15", "initdb")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		any  []string
		want bool
	}{
		"a program in PATH":              {[]string{"go"}, true},
		"a program that nobody has":      {[]string{"identitymesh-no-such-program"}, false},
		"a file that matches a pattern":  {[]string{filepath.ToSlash(dir) + "/*/initdb"}, true},
		"a pattern that matches nothing": {[]string{filepath.ToSlash(dir) + "/*/mysqld"}, false},
		"the second of two":              {[]string{"identitymesh-no-such-program", "go"}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			need := debian.Need{Package: "p", Any: tc.any}
			if got := need.Present(); got != tc.want {
				t.Errorf("present is %t", got)
			}
			if got := len(debian.Missing([]debian.Need{need})) == 0; got != tc.want {
				t.Errorf("missing disagrees with present")
			}
		})
	}
}
