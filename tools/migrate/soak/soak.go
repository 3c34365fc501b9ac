// Package soak watches the product while the target is in force, and counts for each
// ref the runs that read it there and succeeded. Refs that no connector uses are read
// once in the end.
//
// It reads the run history and the target, and changes neither. A soak that was
// stopped goes on where it was. Start reading at [Soak.Watch].
package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// Runs is the run history.
type Runs interface {
	ListRuns(ctx context.Context, f store.RunFilter, limit int) ([]store.Run, error)
}

// Config of a soak.
type Config struct {
	Ledger *ledger.Ledger
	Target *stores.Store
	Runs   Runs
	// Uses returns the refs in the configurations of connectors, with the names of
	// those.
	Uses func(ctx context.Context) (map[secret.Ref][]string, error)
	// For is how long a new soak takes, Poll how often the history is read.
	For, Poll time.Duration
	Now       func() time.Time
	Say       func(text string)
}

// Soak is one of a migration.
type Soak struct {
	Config
	began, until time.Time
	since        time.Time             // runs that were queued from then on count
	after        int64                 // runs up to this one were counted
	counted      map[secret.Ref]counts // since they were last recorded
}

type counts struct {
	reads int64
	last  time.Time
	// proved: the ledger has a read already. moved: the ref was migrated at all.
	proved, moved bool
}

// Progress is how far a soak is.
type Progress struct {
	Began time.Time `json:"began,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Passed is when it ended well.
	Passed time.Time `json:"passed,omitzero"`
	// Failed is what stopped it.
	Failed *Failure `json:"failed,omitempty"`
	// Reads of all refs; Waiting are refs that connectors use and no run has read yet.
	Reads   int64 `json:"reads"`
	Waiting int   `json:"waiting"`
	// Proved is how many refs the target was seen to serve, those that were purged since
	// included.
	Proved int `json:"proved"`
}

// Failure is a run, or a read, that failed because of a secret.
type Failure struct {
	Run       string     `json:"run,omitempty"`
	Connector string     `json:"connector,omitempty"`
	Ref       secret.Ref `json:"ref,omitempty"`
	Reason    string     `json:"reason"`
	Words     string     `json:"words"`
	At        time.Time  `json:"at"`
}

// FailedError is the end of a soak that found that the target does not serve.
type FailedError struct{ Failure }

func (e *FailedError) Error() string {
	if e.Run != "" {
		return fmt.Sprintf("the soak failed: run %s of %s ended with %s: %s", e.Run, e.Connector, e.Reason, e.Words)
	}
	return fmt.Sprintf("the soak failed: %s cannot be read: %s: %s", e.Ref, e.Reason, e.Words)
}

// ErrUnproved is the end of a soak in which refs were not read that connectors use.
var ErrUnproved = errors.New("refs that connectors use were not read by any run yet: run those connectors, and soak on")

// ErrUnfinished is a purge before a soak went to its end.
var ErrUnfinished = errors.New("the soak did not go to its end: soak first")

// Ended returns nil when a soak of the target, as it is in force now, went to its end
// and met no failure. Refs that no run has read by then are for the caller to leave out.
// Otherwise it returns [ErrUnfinished], or the [*FailedError] that it ended with.
func Ended(ctx context.Context, l *ledger.Ledger) error {
	if _, err := l.InForce(ctx); err != nil {
		return err
	}
	ended, err := l.Note(ctx, noteEnded)
	if err != nil {
		return err
	}
	p, err := See(ctx, l)
	switch {
	case err != nil:
		return err
	case p.Failed != nil:
		return &FailedError{*p.Failed}
	case p.Began.IsZero() || ended == "":
		return ErrUnfinished
	}
	return nil
}

// The facts that the ledger keeps of a soak.
const (
	noteBegan  = "soak.began"
	noteSince  = "soak.since"
	noteUntil  = "soak.until"
	noteAfter  = "soak.after"
	notePassed = "soak.passed"
	noteFailed = "soak.failed"
	// noteEnded is when its time was over and nothing had failed, also where some refs
	// were not read by any run.
	noteEnded = "soak.ended"
	// noteSwitch is which time in force the soak is about.
	noteSwitch = "soak.in force"
)

// Open begins a soak, or takes up the one that was begun since the last switch. One
// that failed, or ended, is begun anew.
func Open(ctx context.Context, c Config) (*Soak, error) {
	s := &Soak{Config: c, counted: map[secret.Ref]counts{}}
	at, err := c.Ledger.InForce(ctx)
	if err != nil {
		return nil, err
	}
	inForce := at.Format(time.RFC3339Nano)
	p, err := See(ctx, c.Ledger)
	if err != nil {
		return nil, err
	}
	about, err := c.Ledger.Note(ctx, noteSwitch)
	if err != nil {
		return nil, err
	}
	if about == inForce && p.Failed == nil && p.Passed.IsZero() && !p.Began.IsZero() {
		s.began, s.until = p.Began, p.Until
		if s.since, err = c.Ledger.Time(ctx, noteSince); err != nil {
			return nil, err
		}
		text, err := c.Ledger.Note(ctx, noteAfter)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Sscan(text, &s.after) // the first time there is none
		return s, nil
	}
	s.began = c.Now().UTC()
	s.until = s.began.Add(c.For)
	if s.since = at; about == inForce && p.Failed != nil {
		s.since = s.began // what failed before was mended
	}
	for _, n := range []struct{ key, value string }{
		{noteSwitch, ""}, // until all of it is said
		{noteFailed, ""}, {notePassed, ""}, {noteEnded, ""}, {noteAfter, ""}, {noteUntil, s.until.Format(time.RFC3339Nano)},
		{noteSince, s.since.Format(time.RFC3339Nano)}, {noteBegan, s.began.Format(time.RFC3339Nano)}, {noteSwitch, inForce},
	} {
		if err := c.Ledger.SetNote(ctx, n.key, n.value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// See returns how far the soak is; nothing before there was one since the last switch.
func See(ctx context.Context, l *ledger.Ledger) (p Progress, err error) {
	at, err := l.Time(ctx, ledger.NoteInForce)
	if err != nil {
		return p, err
	}
	if about, err := l.Note(ctx, noteSwitch); err != nil || at.IsZero() || about != at.Format(time.RFC3339Nano) {
		return p, err
	}
	for _, n := range []struct {
		key  string
		into *time.Time
	}{{noteBegan, &p.Began}, {noteUntil, &p.Until}, {notePassed, &p.Passed}} {
		if *n.into, err = l.Time(ctx, n.key); err != nil {
			return p, err
		}
	}
	text, err := l.Note(ctx, noteFailed)
	if err != nil {
		return p, err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &p.Failed); err != nil {
			return p, fmt.Errorf("the ledger %s says of the soak what cannot be read: %w", l.Path(), err)
		}
	}
	return p, l.Entries(ctx, []ledger.State{ledger.Verified, ledger.Switched, ledger.Soaking, ledger.Purged}, func(e ledger.Entry) error {
		p.Reads += e.Reads
		switch {
		case e.State == ledger.Purged:
			p.Proved++
		case e.Used && e.Reads == 0:
			p.Waiting++
		case e.State == ledger.Soaking:
			p.Proved++
		}
		return nil
	})
}

// flushEvery is how often counts are recorded: each record is an event for ever.
const flushEvery = 10 * time.Minute

// Watch watches until the time is over. A run that failed because of a secret ends
// it with a [*FailedError]; refs that no run read, with [ErrUnproved].
func (s *Soak) Watch(ctx context.Context) (Progress, error) {
	if err := s.begin(ctx); err != nil {
		return Progress{}, err
	}
	s.Say(fmt.Sprintf("watching runs until %s; stop it at any time and call it again", s.until.Format(time.RFC3339)))
	flushed := s.Now()
	for {
		ended := !s.Now().Before(s.until)
		failure, err := s.look(ctx)
		if err != nil && ctx.Err() == nil {
			if ended || !fault.Of(err).ReadRetryable() {
				return s.end(ctx, err)
			}
			s.Say("the run history cannot be read now: " + err.Error())
		}
		if failure != nil {
			return s.fail(ctx, *failure)
		}
		if ended {
			return s.finish(ctx)
		}
		if s.Now().Sub(flushed) >= flushEvery || s.first() {
			if err := s.flush(ctx); err != nil {
				return s.end(ctx, err)
			}
			flushed = s.Now()
		}
		select {
		case <-ctx.Done():
			return s.end(ctx, errors.Join(ctx.Err(), s.flush(context.WithoutCancel(ctx))))
		case <-time.After(min(s.Poll, max(0, s.until.Sub(s.Now())))):
		}
	}
}

// begin marks the refs as watched.
func (s *Soak) begin(ctx context.Context) error {
	return s.Ledger.Entries(ctx, []ledger.State{ledger.Switched}, func(e ledger.Entry) error {
		if e.Open != 0 {
			return fmt.Errorf("%s: its last step was interrupted; repeat the switch first", e.Ref)
		}
		return s.Ledger.Record(ctx, e.Ref, ledger.Soak, ledger.Change{})
	})
}

// first reports whether a ref was read for the first time, which is worth a record
// at once.
func (s *Soak) first() bool {
	for _, c := range s.counted {
		if c.reads > 0 && !c.proved {
			return true
		}
	}
	return false
}

func (s *Soak) end(ctx context.Context, err error) (Progress, error) {
	p, e := See(context.WithoutCancel(ctx), s.Ledger)
	return p, errors.Join(err, e)
}

func (s *Soak) fail(ctx context.Context, f Failure) (Progress, error) {
	text, err := json.Marshal(f)
	if err == nil {
		err = errors.Join(s.flush(ctx), s.Ledger.SetNote(ctx, noteFailed, string(text)))
	}
	if err != nil {
		return s.end(ctx, err)
	}
	return s.end(ctx, &FailedError{f})
}

// finish reads once what no connector uses, and says whether all is proved.
func (s *Soak) finish(ctx context.Context) (Progress, error) {
	if err := s.flush(ctx); err != nil {
		return s.end(ctx, err)
	}
	unproved := false
	err := s.Ledger.Entries(ctx, []ledger.State{ledger.Soaking}, func(e ledger.Entry) error {
		if e.Reads > 0 {
			return nil
		}
		if e.Used {
			unproved = true
			return nil
		}
		v, err := s.Target.Read(ctx, e.Ref)
		if err != nil {
			return &FailedError{Failure{Ref: e.Ref, Reason: fault.Of(err).String(), Words: err.Error(), At: s.Now().UTC()}}
		}
		v.Value.Wipe()
		return nil
	})
	var failed *FailedError
	switch {
	case errors.As(err, &failed):
		return s.fail(ctx, failed.Failure)
	case err != nil:
		return s.end(ctx, err)
	}
	now := s.Now().UTC().Format(time.RFC3339Nano)
	if err := s.Ledger.SetNote(ctx, noteEnded, now); err != nil {
		return s.end(ctx, err)
	}
	if unproved {
		return s.end(ctx, ErrUnproved)
	}
	return s.end(ctx, s.Ledger.SetNote(ctx, notePassed, now))
}

// isSecret reports whether a run failed for a reason that providers of secrets have.
func isSecret(r store.Run) bool {
	if r.Status != store.Failed {
		return false
	}
	for _, reason := range fault.Reasons() {
		if strings.EqualFold(reason.String(), r.Reason) {
			return true
		}
	}
	return false
}
