package ldaptest

import "syscall"

// processAttributes lets the server die with the test that started it.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
