package persona

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// freeze stops the process as a debugger does. It returns when somebody lets the
// process go on; the pause covers the time until every thread has stopped.
func freeze() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	time.Sleep(time.Second)
}

// goAway gives the child a session, and so a process group, of its own.
func goAway(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// runs reports whether a process has that number.
func runs(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && syscall.Kill(n, 0) == nil
}
