//go:build !linux

package ldaptest

import "syscall"

func processAttributes() *syscall.SysProcAttr { return nil }
