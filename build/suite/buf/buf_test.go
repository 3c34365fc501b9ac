package buf_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite/buf"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDifferences(t *testing.T) {
	checkedIn := folder(t, map[string]string{"v1/a.go": "a", "v1/b.go": "b"})
	tests := map[string]struct {
		fresh string
		want  []string
	}{
		"none when all is the same":        {folder(t, map[string]string{"v1/a.go": "a", "v1/b.go": "b"}), nil},
		"a file that changed":              {folder(t, map[string]string{"v1/a.go": "a", "v1/b.go": "B"}), []string{"v1/b.go"}},
		"a file that is no longer made":    {folder(t, map[string]string{"v1/a.go": "a"}), []string{"v1/b.go"}},
		"a file that was never checked in": {folder(t, map[string]string{"v1/a.go": "a", "v1/b.go": "b", "v2/c.go": "c"}), []string{"v2/c.go"}},
		"everything when nothing was made": {filepath.Join(t.TempDir(), "none"), []string{"v1/a.go", "v1/b.go"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := buf.Differences(checkedIn, tc.fresh)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
