package system_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/system"
)

func TestTheSystemHasAName(t *testing.T) {
	name := system.Name()
	if name == "" || strings.ContainsAny(name, "\"=\n") || runtime.GOOS == "windows" && !strings.HasPrefix(name, "Windows ") {
		t.Errorf("it is called %q", name)
	}
}
