//go:build !linux

package cloud

import "errors"

// JoinConfig of [Join].
type JoinConfig struct {
	// Settings is the file of the running demo, and Bin the folder of its programs.
	Settings, Bin string
	// Command to run.
	Command []string
}

// Join is there on Linux only, as the cloud is.
func Join(JoinConfig) error { return errors.New("the demo's cloud exists on Linux only") }
