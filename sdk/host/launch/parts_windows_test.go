package launch_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// said is the variable with the handshake line of the part that says one.
const said = "IDENTITYMESH_TEST_LINE"

// systemParts are the plugins that this binary can play on Windows only.
var systemParts = map[string]func(){
	"has a grandchild": func() {
		_ = other("leaves a child and goes").Run()
		serve(func() {})
	},
	"has a grandchild, then dies": func() {
		_ = other("leaves a child and goes").Run()
		os.Exit(3)
	},
	"has a grandchild and no line": func() {
		_ = other("leaves a child and goes").Run()
		time.Sleep(time.Hour)
	},
	"leaves a child and goes": func() { bear(other("sleeps")) },
	"wants its child outside of the job": func() {
		child := other("sleeps")
		child.SysProcAttr = &windows.SysProcAttr{CreationFlags: windows.CREATE_BREAKAWAY_FROM_JOB}
		bear(child)
		serve(func() {})
	},
	"says a line": func() {
		fmt.Println(os.Getenv(said))
		time.Sleep(time.Hour)
	},
	"plays a host that is killed": playHost,
}

// bear starts a child and says which process it is.
func bear(child *exec.Cmd) {
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "not born:", err)
		return
	}
	fmt.Fprintln(os.Stderr, child.Process.Pid)
}

// skipWhatWineFailsAt ends the test when Wine could not start a process, which
// happens once in some hundred starts on a machine that has too much to do.
func skipWhatWineFailsAt(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, windows.ERROR_INTERNAL_ERROR) && windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine: it could not start a process, and calls that an internal error")
	}
}

// alive reports whether pid runs; one that somebody still has a handle of does not.
func alive(pid int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

// open counts this process's open handles.
func open(t *testing.T) int {
	t.Helper()
	var n uint32
	count := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if ok, _, err := count.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal(err)
	}
	return int(n)
}
