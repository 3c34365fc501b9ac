//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// killWithChildren puts the tool into a process group of its own, so that what
// it started ends with it.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
