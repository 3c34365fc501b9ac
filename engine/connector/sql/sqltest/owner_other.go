//go:build !linux

package sqltest

import (
	"os"
	"os/exec"
	"syscall"
)

// owner stays the user who runs the tests.
type owner struct{ other bool }

func newOwner(string) (owner, error)          { return owner{}, nil }
func (owner) apply(*exec.Cmd, syscall.Signal) {}
func (owner) give(string) error               { return nil }
func end(p *os.Process, _ syscall.Signal)     { _ = p.Kill() }
