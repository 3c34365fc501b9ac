package launch_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemParts are the plugins that this binary can play on Linux only.
var systemParts = map[string]func(){
	"hides in its host's process group": func() {
		fmt.Fprintln(os.Stderr, os.Getpid())
		if err := hide(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(time.Hour)
	},
	"leaves a daemon behind": func() {
		runAway("forks a daemon")
		serve(func() {})
	},
	"forks a daemon":                    func() { runAway("sleeps") },
	"leaves a daemon, then dies":        func() { runAway("forks a daemon"); time.Sleep(500 * time.Millisecond); os.Exit(3) },
	"leaves a daemon and no line":       func() { runAway("forks a daemon"); time.Sleep(time.Hour) },
	"plays a host that is killed":       playHost,
	"opens a file that it may not read": openHidden,
}

// runAway starts this binary in another part, in a session of its own.
func runAway(name string) {
	cmd := other(name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	start := cmd.Start
	if name == "forks a daemon" {
		start = cmd.Run // it leaves at once
	}
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func hide() error {
	group, err := syscall.Getpgid(os.Getppid())
	if err != nil {
		return err
	}
	return syscall.Setpgid(0, group)
}

func skipWhatWineFailsAt(*testing.T, error) {}

// alive reports whether pid runs; one that only waits to be collected does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// open counts this process's open files.
func open(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
