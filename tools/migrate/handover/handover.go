// Package handover makes the target of a migration the store in force, and the
// source again: what has to be true before, the settings and the processes, and the
// secrets that were set in one store while the other one took over.
//
// The order is what keeps every ref readable and every newest value alive. Values
// are there before a store is put into force, and when it is in force everywhere,
// the other one is looked at once more: what was set there meanwhile follows. What
// was set in both is left alone and told.
//
// How the settings are written and waited for is package cutover's concern, how one
// value moves package carry's. Start reading at [Handover.Switch], then at
// [Handover.Rollback].
package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// Settings are the files that say which provider is in force.
type Settings interface {
	Check(w cutover.Wanted) error
	Write(w cutover.Wanted, at time.Time) (cutover.Backups, error)
}

// Processes are those that use a provider.
type Processes interface {
	Await(ctx context.Context, w cutover.Wanted) ([]store.Instance, error)
}

// Side is one of the two stores, as something that can be in force.
type Side struct {
	Store *stores.Store
	cutover.Wanted
}

// Config of a handover.
type Config struct {
	Ledger         *ledger.Ledger
	Source, Target Side
	Settings       Settings
	Processes      Processes
	// Uses returns the refs in the configurations of connectors, with the names of
	// those.
	Uses func(ctx context.Context) (map[secret.Ref][]string, error)
	// Workers is how many refs are looked at together; the plugins pace the calls.
	Workers int
	// Now is the clock.
	Now func() time.Time
	// Say tells the operator what is being done.
	Say func(text string)
}

// Handover is one between the two stores of a migration.
type Handover struct{ Config }

// New returns a handover.
func New(c Config) *Handover { return &Handover{c} }

// Outcome says what was done.
type Outcome struct {
	// Files that decide now, with their backups.
	Files cutover.Backups `json:"files"`
	// Instances that use the store now.
	Instances []string `json:"instances"`
	// Refs that it is about, and Carried, which of them had a newer value in the
	// store that is in force no longer.
	Refs    int          `json:"refs"`
	Carried []secret.Ref `json:"carried"`
	// Notices are what an operator should know of single refs.
	Notices []Notice `json:"notices"`

	mu sync.Mutex
}

// Notice is about one ref.
type Notice struct {
	Ref  secret.Ref `json:"ref"`
	Text string     `json:"text"`
}

// newOutcome returns one of nothing, whose lists are lists as JSON too.
func newOutcome() *Outcome {
	return &Outcome{Files: cutover.Backups{}, Instances: []string{}, Carried: []secret.Ref{}, Notices: []Notice{}}
}

func (o *Outcome) carried(ref secret.Ref) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Carried = append(o.Carried, ref)
}

func (o *Outcome) notice(ref secret.Ref, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Notices = append(o.Notices, Notice{ref, fmt.Sprintf(format, args...)})
}

// began returns the time under key, which is recorded when it is not known yet.
func (h *Handover) began(ctx context.Context, key string) (time.Time, error) {
	at, err := h.Ledger.Time(ctx, key)
	if err != nil || !at.IsZero() {
		return at, err
	}
	at = h.Now().UTC().Truncate(time.Millisecond)
	return at, h.Ledger.SetNote(ctx, key, at.Format(time.RFC3339Nano))
}

// NotReadyError is a handover that waits for somebody to do something about refs. It
// holds all of it.
type NotReadyError struct {
	// What is the matter, in words.
	What    string
	Invalid *diag.InvalidError
}

func (e *NotReadyError) Error() string { return e.What + ": " + e.Invalid.Error() }

// Unwrap returns the [*diag.InvalidError].
func (e *NotReadyError) Unwrap() error { return e.Invalid }

// notReady returns problems as a [*NotReadyError]; nil when there are none.
func notReady(what string, problems diag.List) error {
	var invalid *diag.InvalidError
	if errors.As(problems.Err(), &invalid) {
		return &NotReadyError{what, invalid}
	}
	return nil
}

// PartError is a handover that stopped after it had begun: some parts use the one
// store, some may use the other.
type PartError struct {
	// Wanted is what was to be put into force.
	Wanted cutover.Wanted
	// Files that say so already.
	Files cutover.Backups
	Err   error
}

func (e *PartError) Error() string {
	text := fmt.Sprintf("%s is not in force everywhere: ", e.Wanted.Provider)
	for _, f := range e.Files {
		text += fmt.Sprintf("%s says %s (before: %s); ", f.File, e.Wanted.Provider, f.Backup)
	}
	if len(e.Files) == 0 {
		text += "no settings file was changed; "
	}
	return text + e.Err.Error()
}

// Unwrap returns what stopped it.
func (e *PartError) Unwrap() error { return e.Err }

// LeftError are refs that could not be seen to; the same command sees to them.
type LeftError struct {
	Refs []Notice
	Err  error
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("%d of the refs could not be seen to in both stores, as %s: %s; the same command again sees to them", len(e.Refs), e.Refs[0].Ref, e.Refs[0].Text)
}

// Unwrap returns the failure of one of them.
func (e *LeftError) Unwrap() error { return e.Err }

// force writes the settings, keeps what they were under note, and waits for the
// processes.
func (h *Handover) force(ctx context.Context, side Side, at time.Time, note string, out *Outcome) error {
	h.Say("writing Secrets:Provider " + side.Provider)
	var err error
	if out.Files, err = h.Settings.Write(side.Wanted, at); err != nil {
		return &PartError{side.Wanted, nil, err}
	}
	text, err := json.Marshal(out.Files)
	if err == nil {
		err = h.Ledger.SetNote(ctx, note, string(text))
	}
	if err != nil {
		return &PartError{side.Wanted, out.Files, err}
	}
	h.Say("waiting until every process uses " + side.Provider)
	living, err := h.Processes.Await(ctx, side.Wanted)
	if err != nil {
		return &PartError{side.Wanted, out.Files, err}
	}
	for _, i := range living {
		out.Instances = append(out.Instances, string(i.Role)+" "+i.Name)
	}
	return nil
}

// each calls do for every ref in the states, several at a time. What do returns is
// collected; it does not stop the others.
func (h *Handover) each(ctx context.Context, states []ledger.State, do func(ledger.Entry) error) error {
	// All refs first: do moves them from state to state.
	entries := make(chan ledger.Entry)
	var mu sync.Mutex
	var left LeftError
	var running sync.WaitGroup
	for range max(1, h.Workers) {
		running.Go(func() {
			for e := range entries {
				if err := do(e); err != nil {
					mu.Lock()
					left.Refs, left.Err = append(left.Refs, Notice{e.Ref, err.Error()}), err
					mu.Unlock()
				}
			}
		})
	}
	err := h.Ledger.Entries(ctx, states, func(e ledger.Entry) error {
		select {
		case entries <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(entries)
	running.Wait()
	if err == nil && len(left.Refs) > 0 {
		err = &left
	}
	return err
}

// begin begins a step of a ref, or takes up the one that was interrupted.
func begin(ctx context.Context, l *ledger.Ledger, e ledger.Entry, step ledger.Step) (ledger.Intent, error) {
	if e.Open == 0 {
		return l.Begin(ctx, e.Ref, step, ledger.Change{SourceVersion: e.SourceVersion, TargetVersion: e.TargetVersion})
	}
	i, begun, err := l.Resume(ctx, e)
	if err == nil && begun.Step != step {
		err = fmt.Errorf("its step %s was interrupted; repeat that command first", begun.Step)
	}
	return i, err
}
