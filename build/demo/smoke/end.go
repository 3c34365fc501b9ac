package smoke

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/demo"
	"github.com/identitymesh/identitymesh/build/demo/canary"
	"github.com/identitymesh/identitymesh/build/demo/process"
)

// goneLimit is how long a process may outlive the programs' orderly stop.
const goneLimit = 5 * time.Second

// searchRunning looks at the files, and at how the programs and what they started
// were called.
func (s *smoke) searchRunning(ctx context.Context) error {
	for _, p := range []*process.Process{s.AdminAPI, s.Engine} {
		family, err := process.Family(p.PID())
		if err != nil {
			return err
		}
		s.family = append(s.family, family...)
	}
	var more []string
	for _, m := range s.family {
		more = append(more, m.CommandLine()...)
	}
	return s.search(more...)
}

func (s *smoke) stopAll(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	deadline := time.NewTimer(goneLimit)
	defer deadline.Stop()
	for {
		alive := 0
		for _, m := range s.family {
			if m.Alive() {
				alive++
			}
		}
		if alive == 0 {
			return nil
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("expected no process %s after the stop, found %d of %d", goneLimit, alive, len(s.family))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *smoke) searchFiles(context.Context) error { return s.search() }

// search looks for every password and the administrator's token.
func (s *smoke) search(more ...string) error {
	paths := append([]string{s.folder}, more...)
	// A search that cannot find what is there proves nothing: the password's ref
	// stands in the database and in no other form than any text would.
	control, err := canary.Find(demo.PasswordRef, paths...)
	if err != nil {
		return err
	}
	if !inDatabase(control) {
		return fmt.Errorf("expected the search to find %s in the database, found it in %q", demo.PasswordRef, control)
	}
	token, err := os.ReadFile(s.TokenFile())
	if err != nil {
		return err
	}
	for _, secret := range s.passwords {
		err = errors.Join(err, s.hidden("a password", secret, "", paths))
	}
	return errors.Join(err, s.hidden("the administrator's token", strings.TrimSpace(string(token)), s.TokenFile(), paths))
}

// hidden finds the secret in no file but the one that may have it.
func (s *smoke) hidden(what, secret, except string, paths []string) error {
	found, err := canary.Find(secret, paths...)
	if err != nil {
		return err
	}
	if canary.Holds(s.said.String(), secret) {
		found = append(found, "the output")
	}
	for _, file := range found {
		if file != except {
			return fmt.Errorf("expected %s nowhere in the open, found it in %s", what, file)
		}
	}
	return nil
}

func inDatabase(files []string) bool {
	for _, file := range files {
		if strings.Contains(filepath.Base(file), ".db") {
			return true
		}
	}
	return false
}
