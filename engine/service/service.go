// Package service makes a program a service of its system: a Windows service, or a
// unit of systemd. It installs and controls it, and runs it under its manager.
//
// What the program does is its own; it is given a [Session] and a context that ends
// when it is to stop. The names, accounts and folders stand in build/package. Start
// reading at [Command], and at [Foreground] for a run without a manager.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Program is what becomes a service.
type Program struct {
	// Name, DisplayName and Description of the Windows service.
	Name, DisplayName, Description string
	// Unit is the name of the systemd unit, without ".service", and of the program.
	Unit string
	// Page of the manual.
	Page string
	// Serve runs the program until the context ends.
	Serve func(context.Context, Session) error
}

// Session is how the program was started.
type Session struct {
	// ConfigFile is the appsettings.json that was named, or empty.
	ConfigFile string
	// Files asks for log files also when none are configured, because nobody reads
	// standard error.
	Files bool
	// Events, when set, is the event log of the system.
	Events slog.Handler
	// Ready is to be called when the program serves.
	Ready func()
}

// StopLimit is how long a program may take to end. It is less than the 10 s after
// which service managers, and the manual, lose patience.
const StopLimit = 9 * time.Second

// errLate ends a program that something keeps from ending. Plugins end with it.
var errLate = errors.New("the program did not end in time after it was told to, and was broken off; runs under way are marked as interrupted at its next start")

// Foreground runs the program without a service manager.
func Foreground(ctx context.Context, p Program, configFile string) error {
	return p.within(ctx, StopLimit, Session{ConfigFile: configFile, Ready: func() {}})
}

// within runs the program and returns at the latest when limit has passed since ctx
// ended; what is left of it then ends with the process.
func (p Program) within(ctx context.Context, limit time.Duration, s Session) error {
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, s) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return fmt.Errorf("%w (limit %s)", errLate, limit)
	}
}
