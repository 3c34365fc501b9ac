//go:build !linux && !windows

package host_test

import (
	"os"
	"strconv"
	"testing"
)

// Plugins run on Linux and Windows only; here the tests just compile.
const (
	hostRole   = "IDENTITYMESH_TEST_HOST_ROLE"
	executable = ""
	killed     = "killed"
	noPlugin   = "/bin/echo"
	escapes    = ""
)

func ofTheSystem(string) bool { return false }

func runAsHost() {}

func kill(t *testing.T, pid string) {
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Error(err)
		return
	}
	p, err := os.FindProcess(n)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Errorf("kill %s: %v", pid, err)
	}
}

// alive reports whether a process of that id exists.
func alive(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return false
	}
	p, err := os.FindProcess(n)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
