package host_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

const (
	executable = ".exe"
	// killed is how the end of a process that was killed reads.
	killed = "exit status 1"
	// noPlugin is a program of the system.
	noPlugin = `C:\windows\system32\hostname.exe`
	// escapes is empty, because nothing leaves a Job Object.
	escapes = ""
)

// ofTheSystem reports whether the system gives the variable to every process. Go
// adds SystemRoot, without which no process gets far.
func ofTheSystem(key string) bool {
	return strings.EqualFold(key, "SystemRoot") || underWine() && (key == "SystemDrive" || strings.HasPrefix(key, "WINE"))
}

func underWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

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

// freeze stops every thread of a process, as a debugger does.
func freeze(t *testing.T, pid int) {
	t.Helper()
	h, err := windows.OpenProcess(windows.PROCESS_SUSPEND_RESUME, false, uint32(pid))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(h)
	if status, _, _ := windows.NewLazySystemDLL("ntdll.dll").NewProc("NtSuspendProcess").Call(uintptr(h)); status != 0 {
		t.Fatalf("suspend process %d: %v", pid, windows.NTStatus(status))
	}
}

// alive reports whether pid runs; one that somebody still has a handle of does not.
func alive(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return false
	}
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(n))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}
