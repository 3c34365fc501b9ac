package ldaptest

import (
	"errors"
	"os"
	"runtime"
	"testing"
)

// Run starts a server for the length of a test. Where slapd is missing it skips
// the test, except on CI, where it fails it. No package brings slapd to Windows, so
// there it is always a skip.
func Run(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if errors.Is(err, ErrNotInstalled) && (os.Getenv("CI") != "true" || runtime.GOOS == "windows") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the directory server: %v", err)
		}
	})
	return s
}
