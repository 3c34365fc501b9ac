//go:build !linux

package conformance

import "runtime"

// socket is one that a process has open.
type socket struct {
	kind          string
	local, remote string
	listening     bool
}

func unseen() error { return skipf("the sockets of a process cannot be seen on %s", runtime.GOOS) }

func socketsOf(int) ([]socket, error) { return nil, unseen() }

func watchConnections(int) (func() []string, error) { return nil, unseen() }
