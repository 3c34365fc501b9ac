//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// hold has nothing to do here.
func hold(*os.Process) (release func(), err error) { return func() {}, nil }

func interrupt(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) }

// killAll also reaches what the program started and did not put into a group of
// its own.
func killAll(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
