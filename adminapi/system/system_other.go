//go:build !linux && !windows

package system

import "runtime"

// Name returns the name of the kind of system.
func Name() string { return runtime.GOOS }
