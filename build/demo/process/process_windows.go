package process

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// tie gives the program a console process group of its own, so that it can be
// interrupted without this process.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// interrupt sends what Go programs receive as os.Interrupt.
func interrupt(cmd *exec.Cmd) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid))
}

func killAll(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
