package e2e_test

import (
	"time"

	"golang.org/x/sys/unix"
)

// waitForEcho waits until the terminal shows, or does not show, what is typed.
// Nobody types faster than a prompt turns the echo off; a test would.
func (term *terminal) waitForEcho(on bool) {
	term.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		state, err := unix.IoctlGetTermios(int(term.tty.Fd()), unix.TCGETS)
		if err != nil {
			term.Fatal(err)
		}
		if (state.Lflag&unix.ECHO != 0) == on {
			return
		}
		if time.Now().After(deadline) {
			term.Fatalf("the terminal's echo did not become %v", on)
		}
	}
}
