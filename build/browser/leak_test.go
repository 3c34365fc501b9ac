//go:build linux

package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/demo/canary"
	"github.com/identitymesh/identitymesh/build/demo/stack"
)

// nothingLeaked searches all that the programs wrote for the passwords and the token.
// The stories search what the browser holds.
func nothingLeaked(t *testing.T, s *stack.Stack) {
	t.Helper()
	token, err := os.ReadFile(s.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(filepath.Dir(s.TokenFile()))
	// A search that cannot find what is there proves nothing.
	if found, err := canary.Find("secret://", folder); err != nil || len(found) == 0 {
		t.Errorf("the search finds nothing: %v", err)
	}
	for what, secret := range map[string]string{"a password": "canary-", "the administrator's token": strings.TrimSpace(string(token))} {
		found, err := canary.Find(secret, folder)
		if err != nil {
			t.Error(err)
		}
		for _, file := range found {
			if file != s.TokenFile() {
				t.Errorf("%s stands in %s", what, file)
			}
		}
	}
}
