package persona

import (
	"os"
	"os/exec"
	"syscall"
)

// freeze stops the process as a debugger or a full machine does.
func freeze() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// goAway gives the child a session, and so a process group, of its own.
func goAway(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
