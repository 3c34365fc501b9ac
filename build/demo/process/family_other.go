//go:build !linux

package process

// Member is a running process.
type Member struct{ PID int }

// Alive is not known on this system.
func (m Member) Alive() bool { return false }

// CommandLine has nothing to show on this system.
func (m Member) CommandLine() []string { return nil }

// Family is not known on this system; it is empty.
func Family(int) ([]Member, error) { return nil, nil }
