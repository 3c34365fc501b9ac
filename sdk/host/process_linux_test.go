package host_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	executable = ""
	// killed is how the end of a process that was killed reads.
	killed = "signal: killed"
	// noPlugin is a program of the system.
	noPlugin = "/bin/echo"
	// escapes is what the host says of a plugin whose child leaves its group.
	escapes = "left processes behind outside of its group"
)

// ofTheSystem reports whether the system gives the variable to every process.
func ofTheSystem(string) bool { return false }

// freeze stops every thread of a process, as a debugger does.
func freeze(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func kill(t *testing.T, pid string) {
	n, err := strconv.Atoi(pid)
	if err == nil {
		err = syscall.Kill(n, syscall.SIGKILL)
	}
	if err != nil {
		t.Errorf("kill %s: %v", pid, err)
	}
}

// alive reports whether pid runs; one that only waits to be collected does not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
