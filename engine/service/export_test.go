package service

import "log/slog"

// NewEvents returns the handler that writes to the log.
func NewEvents(log eventLog) slog.Handler { return newEvents(log) }

// Unit renders the unit of a program where the packages install it.
func Unit(p Program, folder, config string, writable ...string) (string, error) {
	return unit{Name: p.Unit, DisplayName: p.DisplayName, Page: p.Page, Executable: folder + "/" + p.Unit, Config: config, Writable: writable}.render()
}

// SysusersText is the declaration of the account.
func SysusersText() string { return sysusersText }
