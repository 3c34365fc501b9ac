package process

import (
	"os/exec"
	"syscall"
)

// tie gives the program a process group of its own, so that a Ctrl-C is for us to
// pass on, and has it killed when this process dies.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
