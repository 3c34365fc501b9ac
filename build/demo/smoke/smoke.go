// Package smoke is the demo for machines: it does what an operator and the sources
// would do over weeks, on a temporary folder and in seconds, and compares every
// count with what it must be.
//
// Start reading at [Run]; the steps stand in the order of their story in story.go.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/demo"
	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/build/demo/process"
	"github.com/identitymesh/identitymesh/build/demo/stack"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

// limit is how long all of it may take.
const limit = 2 * time.Minute

// Config says what to try.
type Config struct {
	// Bin is the folder of the programs.
	Bin string
	// Cloud holds the secrets; nil for this host's own store.
	Cloud *cloud.Cloud
	// Out gets the progress and, as its last line, the verdict when all is well.
	Out io.Writer
	Now func() time.Time
	// NewPassword makes a password that nobody can guess.
	NewPassword func() string
}

// smoke is one run.
type smoke struct {
	Config
	// said is all that was written to Out or logged by the sources.
	said   record
	folder string
	*demo.Demo
	// passwords are all that ever were in use, the newest last.
	passwords []string
	// family are the processes that must be gone in the end.
	family []process.Member
}

// Run returns nil when everything was as it must be, after it has written the
// verdict. Else the error is one line that says what was expected and what was
// found; Out has the details, and the files stay.
func Run(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("expected an end within %s", limit))
	defer cancel()
	began := c.Now()
	folder, err := os.MkdirTemp("", "identitymesh-smoke-")
	if err != nil {
		return fmt.Errorf("smoke: %w", err)
	}
	s := &smoke{Config: c, folder: folder}
	s.Out = io.MultiWriter(c.Out, &s.said)
	err = s.tell(ctx)
	if s.Demo != nil {
		err = errors.Join(err, s.Stop())
	}
	if err != nil {
		line, rest, _ := strings.Cut(err.Error(), "\n")
		if rest != "" {
			fmt.Fprintf(c.Out, "%s\n%s\n", line, rest)
		}
		return fmt.Errorf("smoke: FAILED: %s (files in %s)", line, folder)
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("smoke: %w", err)
	}
	fmt.Fprintf(c.Out, "smoke: ok, %d+%d people, deltas of %d, a refused password and its mending as foretold, nothing leaked, no process left, in %.0f s\n",
		stack.People, stack.People, changed, c.Now().Sub(began).Seconds())
	return nil
}

// tell does one step after the other, up to the first that goes wrong.
func (s *smoke) tell(ctx context.Context) error {
	for _, step := range story() {
		began := s.Now()
		if err := step.do(s, ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(s.Out, "  %4.1f s  %s\n", s.Now().Sub(began).Seconds(), step.name)
	}
	return nil
}

// newPassword makes the password that is in use from now on.
func (s *smoke) newPassword() string {
	s.passwords = append(s.passwords, s.NewPassword())
	return s.passwords[len(s.passwords)-1]
}

// start starts the demo as it would for people, on addresses nobody uses.
func (s *smoke) start(ctx context.Context) error {
	listen, err := loopbacktest.Free()
	if err != nil {
		return err
	}
	s.Demo, err = demo.Start(ctx, demo.Config{
		Bin: s.Bin, Folder: s.folder, Cloud: s.Cloud, Provider: catalog.AzureKeyVault, Listen: listen, DirectoryListen: "127.0.0.1:0", Password: s.newPassword(),
		// No run but those that are asked for may take place.
		Interval: 24 * time.Hour,
		Now:      s.Now, Logger: slog.New(slog.NewTextHandler(&s.said, nil)),
		Progress: func(format string, args ...any) { fmt.Fprintf(&s.said, format+"\n", args...) },
	})
	return err
}
