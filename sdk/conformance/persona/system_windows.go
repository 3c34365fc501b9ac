package persona

import (
	"os/exec"
	"strconv"

	"golang.org/x/sys/windows"
)

// freeze stops every thread of the process, as a debugger does.
func freeze() {
	_, _, _ = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtSuspendProcess").Call(uintptr(windows.CurrentProcess()))
}

// goAway asks for a place outside of the job of the plugin.
func goAway(cmd *exec.Cmd) {
	cmd.SysProcAttr = &windows.SysProcAttr{CreationFlags: windows.CREATE_BREAKAWAY_FROM_JOB | windows.CREATE_NEW_PROCESS_GROUP}
}

// runs reports whether a process has that number.
func runs(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return false
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(n))
	if err != nil {
		return false
	}
	_ = windows.CloseHandle(h)
	return true
}
