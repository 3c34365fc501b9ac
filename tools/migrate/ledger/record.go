package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Change is what a step says of a ref. Empty versions leave those of the ref as
// they are. No field may hold a value of a secret.
type Change struct {
	SourceVersion, TargetVersion secret.Version
	// Reason says why, Next what to do, for people; both take the place of the ref's.
	Reason, Next string
	// Reads are further reads from the target that were seen, the newest at LastRead.
	Reads    int64
	LastRead time.Time
}

// Intent is a step that was begun.
type Intent struct {
	Ref  secret.Ref
	Step Step
	// Event is its number.
	Event int64
}

// Begin records that step is about to be done to ref; with an error it must not be.
// An empty ref stands for the migration as a whole, which has no state. Errors are
// [*TransitionError], [*BusyError] and [*UnknownError], or the file's.
func (l *Ledger) Begin(ctx context.Context, ref secret.Ref, step Step, c Change) (Intent, error) {
	i := Intent{Ref: ref, Step: step}
	err := l.submit(ctx, func(b *batch) error {
		from, to := State(""), State("")
		if ref != "" {
			var open int64
			var err error
			if from, open, err = b.state(ref); err != nil {
				return err
			}
			if open != 0 {
				return &BusyError{ref, open}
			}
			var ok bool
			if to, ok = Next(from, step); !ok {
				return &TransitionError{ref, from, step}
			}
		}
		var err error
		i.Event, err = b.event(Event{Phase: PhaseIntent, Step: step, Ref: ref, From: from, To: to,
			SourceVersion: c.SourceVersion, TargetVersion: c.TargetVersion, Reason: c.Reason})
		if err != nil || ref == "" {
			return err
		}
		return b.exec(updateOpen, i.Event, b.at, string(ref))
	})
	return i, err
}

// End records that the step of i was done, and moves its ref on. It records even
// when ctx is over: the step was taken.
func (l *Ledger) End(ctx context.Context, i Intent, c Change) error { return l.end(ctx, i, nil, c) }

// Fail records that the step of i was not done, because of failure; its ref stays
// where it was. Of failure the reason is kept, of c the rest.
func (l *Ledger) Fail(ctx context.Context, i Intent, failure error, c Change) error {
	return l.end(ctx, i, failure, c)
}

// Finish is [Ledger.End] of a copy and [Ledger.Record] of its verification in one: what
// was read back before anything was recorded.
func (l *Ledger) Finish(ctx context.Context, i Intent, c Change) error {
	return l.submit(context.WithoutCancel(ctx), func(b *batch) error {
		copied, err := b.outcome(i, nil, c)
		if err != nil {
			return err
		}
		to, ok := Next(copied.To, Verify)
		if !ok {
			return &brokenError{&TransitionError{i.Ref, copied.To, Verify}} // the outcome is written
		}
		verified := Event{Phase: PhaseOutcome, Step: Verify, Ref: i.Ref, From: copied.To, To: to,
			SourceVersion: c.SourceVersion, TargetVersion: c.TargetVersion, Outcome: fault.OK.String()}
		if _, err := b.event(verified); err != nil {
			return err
		}
		return b.move(verified, Change{SourceVersion: c.SourceVersion, TargetVersion: c.TargetVersion}, copied.writes())
	})
}

func (l *Ledger) end(ctx context.Context, i Intent, failure error, c Change) error {
	return l.submit(context.WithoutCancel(ctx), func(b *batch) error { return b.end(i, failure, c) })
}

func (b *batch) end(i Intent, failure error, c Change) error {
	e, err := b.outcome(i, failure, c)
	if err != nil || i.Ref == "" {
		return err
	}
	return b.move(e, c, e.writes())
}

// outcome adds how the step of i ended.
func (b *batch) outcome(i Intent, failure error, c Change) (Event, error) {
	e := Event{Phase: PhaseOutcome, Intent: i.Event, Step: i.Step, Ref: i.Ref, SourceVersion: c.SourceVersion, TargetVersion: c.TargetVersion,
		Outcome: fault.Of(failure).String(), Reason: c.Reason}
	if i.Ref != "" {
		from, open, err := b.state(i.Ref)
		if err != nil {
			return e, err
		}
		if open != i.Event {
			return e, fmt.Errorf("%s: event %d is not the one that waits for an outcome", i.Ref, i.Event)
		}
		e.From, e.To = from, from
		if failure == nil {
			var ok bool
			if e.To, ok = Next(from, i.Step); !ok {
				return e, &TransitionError{i.Ref, from, i.Step}
			}
		}
	}
	_, err := b.event(e)
	return e, err
}

// Record records a step that changes no store, and moves ref on. An intent of ref
// that has no outcome is not touched by it.
func (l *Ledger) Record(ctx context.Context, ref secret.Ref, step Step, c Change) error {
	return l.record(ctx, ref, step, "", c)
}

// Obstruct records that ref cannot go on, and why in one word.
func (l *Ledger) Obstruct(ctx context.Context, ref secret.Ref, v Verdict, c Change) error {
	return l.record(ctx, ref, Block, v, c)
}

func (l *Ledger) record(ctx context.Context, ref secret.Ref, step Step, v Verdict, c Change) error {
	return l.submit(context.WithoutCancel(ctx), func(b *batch) error { return b.record(ref, step, v, c) })
}

func (b *batch) record(ref secret.Ref, step Step, v Verdict, c Change) error {
	from, open, err := b.state(ref)
	if err != nil {
		return err
	}
	if open != 0 {
		return &BusyError{ref, open}
	}
	to, ok := Next(from, step)
	if !ok {
		return &TransitionError{ref, from, step}
	}
	e := Event{Phase: PhaseOutcome, Step: step, Ref: ref, From: from, To: to,
		SourceVersion: c.SourceVersion, TargetVersion: c.TargetVersion, Outcome: fault.OK.String(), Reason: c.Reason}
	if _, err := b.event(e); err != nil {
		return err
	}
	if v != "" {
		if err := b.exec("UPDATE refs SET verdict = ? WHERE ref = ?", string(v), string(ref)); err != nil {
			return err
		}
	}
	return b.move(e, c, e.writes())
}

// SetNote keeps a fact of the migration as a whole; see [Ledger.Note].
func (l *Ledger) SetNote(ctx context.Context, key, value string) error {
	return l.submit(context.WithoutCancel(ctx), func(b *batch) error {
		if _, err := b.event(Event{Phase: PhaseOutcome, Step: Note, Outcome: fault.OK.String(), Reason: key + "=" + value}); err != nil {
			return err
		}
		return b.exec("INSERT INTO notes (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	})
}

// Note returns what [Ledger.SetNote] kept under key, empty when there is nothing.
func (l *Ledger) Note(ctx context.Context, key string) (value string, err error) {
	err = l.db.Read.QueryRowContext(ctx, "SELECT value FROM notes WHERE key = ?", key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	return value, nil
}

// batch is a transaction that records for several callers at once.
type batch struct {
	tx    *sql.Tx
	ready map[string]*sql.Stmt
	now   time.Time
	at    any // now as a parameter
	seq   int64
	hash  string
	who   string
	host  string
}

// brokenError is a failure of the file; what came before it in the transaction is
// lost with it. Any other error of a request was found before it wrote anything.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func (b *batch) exec(query string, args ...any) (err error) {
	if parsed := b.ready[query]; parsed != nil {
		_, err = b.tx.Stmt(parsed).Exec(args...)
	} else {
		_, err = b.tx.Exec(query, args...)
	}
	if err != nil {
		return &brokenError{err}
	}
	return nil
}

// row runs one of the statements that were parsed before.
func (b *batch) row(query string, args ...any) *sql.Row {
	return b.tx.Stmt(b.ready[query]).QueryRow(args...)
}

func (b *batch) state(ref secret.Ref) (state State, open int64, err error) {
	err = b.row(selectState, string(ref)).Scan(&state, &open)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", 0, &UnknownError{ref}
	case err != nil:
		return "", 0, &brokenError{err}
	}
	return state, open, nil
}

// writes reports whether the target has a version that the migration made, now that e
// has happened.
func (e Event) writes() bool { return e.Step == Copy && e.To == Copied }

// move brings the ref's row to where e says it is; with wrote, at a version that the
// migration made.
func (b *batch) move(e Event, c Change, wrote bool) error {
	return b.exec(updateRef,
		string(e.To), b.at, c.Reason, c.Next, c.Reads, productdb.SQLite.Time(c.LastRead),
		string(c.SourceVersion), string(c.SourceVersion), string(c.TargetVersion), string(c.TargetVersion),
		wrote, string(c.TargetVersion), string(e.Ref))
}
