package cutover

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

// Database is what tells which processes live and which store each uses.
type Database interface {
	ListInstances(ctx context.Context) ([]store.Instance, error)
	RequestReloadOf(ctx context.Context, by string, role store.Role, name string) error
}

// Wait says how to wait for the processes.
type Wait struct {
	Database Database
	// By is who asks for the reload.
	By  string
	Now func() time.Time
	// Limit is the longest wait, Poll how often the database is asked.
	Limit, Poll time.Duration
	// Say tells the operator what is waited for.
	Say func(text string)
}

const (
	// againAfter is when a process that was not convinced by a reload is asked once
	// more: its settings may be on another host and were changed meanwhile.
	againAfter = 30 * time.Second
	// hintAfter is when the operator is told how to help.
	hintAfter = 10 * time.Second
)

// LateError are processes that do not use the wanted store in time.
type LateError struct {
	Wanted Wanted
	Late   []store.Instance
	// After is how long they were waited for; 0 for not at all.
	After time.Duration
}

func (e *LateError) Error() string {
	var b strings.Builder
	if e.After > 0 {
		fmt.Fprintf(&b, "after %s ", e.After)
	}
	fmt.Fprintf(&b, "not every process uses %s %s:", e.Wanted.Provider, e.Wanted.Target)
	for _, i := range e.Late {
		fmt.Fprintf(&b, " %s;", describe(i))
	}
	b.WriteString(" " + hint(e.Late))
	return b.String()
}

// Await asks the living processes to reload and returns when all of them use w, in
// the order of roles and names. It needs no process to live. What is late is a
// [*LateError].
func (c Wait) Await(ctx context.Context, w Wanted) ([]store.Instance, error) {
	begin := c.Now()
	type process struct{ role, name string }
	asked, said := map[process]time.Time{}, map[process]string{}
	hinted := false
	for {
		all, err := c.Database.ListInstances(ctx)
		if err != nil {
			return nil, fmt.Errorf("see which store the processes use: %w", err)
		}
		living, late := c.sort(all, w)
		if len(late) == 0 {
			return living, nil
		}
		now := c.Now()
		if now.Sub(begin) >= c.Limit {
			return living, &LateError{w, late, c.Limit}
		}
		for _, i := range late {
			p := process{string(i.Role), i.Name}
			if text := "waiting for " + describe(i); said[p] != text {
				said[p] = text
				c.Say(text)
			}
			if last, was := asked[p]; was && (i.Reload.Pending || now.Sub(last) < againAfter) {
				continue
			}
			asked[p] = now
			if err := c.Database.RequestReloadOf(ctx, c.By, i.Role, i.Name); err != nil && !errors.Is(err, store.ErrNotFound) {
				return living, fmt.Errorf("ask %s %s to reload: %w", i.Role, i.Name, err)
			}
		}
		if !hinted && now.Sub(begin) >= hintAfter {
			hinted = true
			c.Say(hint(late))
		}
		select {
		case <-ctx.Done():
			return living, ctx.Err()
		case <-time.After(c.Poll):
		}
	}
}

// Check returns a [*LateError] when a living process does not use w now: one that was
// started after [Wait.Await], or whose settings somebody changed.
func (c Wait) Check(ctx context.Context, w Wanted) error {
	all, err := c.Database.ListInstances(ctx)
	if err != nil {
		return fmt.Errorf("see which store the processes use: %w", err)
	}
	if _, late := c.sort(all, w); len(late) > 0 {
		return &LateError{Wanted: w, Late: late}
	}
	return nil
}

// sort returns the instances that live, and those of them that do not use w.
func (c Wait) sort(all []store.Instance, w Wanted) (living, late []store.Instance) {
	for _, i := range all {
		if c.Now().Sub(i.LastHeartbeat) >= store.Offline {
			continue
		}
		living = append(living, i)
		if !strings.EqualFold(i.Provider, w.Provider) || !strings.EqualFold(i.ProviderTarget, w.Target) {
			late = append(late, i)
		}
	}
	return living, late
}

func describe(i store.Instance) string {
	text := fmt.Sprintf("%s %s on %s, which uses %s", i.Role, i.Name, i.Machine, strings.TrimSpace(i.Provider+" "+i.ProviderTarget))
	switch {
	case i.Reload.Problem != "":
		text += " and could not reload: " + i.Reload.Problem
	case i.Reload.Pending:
		text += " and has not reloaded yet"
	}
	return text
}

// hint says what an operator can do.
func hint(late []store.Instance) string {
	var units, services []string
	for _, i := range late {
		unit, service := "identitymesh-engine", "IdentityMeshEngine"
		if i.Role == store.RoleAdminAPI {
			unit, service = "identitymesh-adminapi", "IdentityMeshAdmin"
		}
		units, services = appendNew(units, unit), appendNew(services, service)
	}
	command := "systemctl restart " + strings.Join(units, " ")
	if runtime.GOOS == "windows" {
		command = "Restart-Service " + strings.Join(services, ", ")
	}
	return "on each of their hosts, see that the settings file, and no variable such as Secrets__Provider, says the same, then run: " + command
}

func appendNew(list []string, text string) []string {
	for _, l := range list {
		if l == text {
			return list
		}
	}
	return append(list, text)
}
