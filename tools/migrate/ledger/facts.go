package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Facts of the migration as a whole that several commands need; see [Ledger.Note].
const (
	// NoteSwitchBegan is when the settings were first about to be written, and names
	// their backups; NoteSwitchFiles are those. From then on the target may be in
	// force, until a rollback came to its end.
	NoteSwitchBegan = "switch.began"
	NoteSwitchFiles = "switch.files"
	// NoteInForce is when every process used the target.
	NoteInForce = "switch.in force"
	// NoteBackBegan and NoteBackFiles are those of a rollback.
	NoteBackBegan = "rollback.began"
	NoteBackFiles = "rollback.files"
)

// Forget takes away what was kept under the keys, all at once: half of them would say
// something else.
func (l *Ledger) Forget(ctx context.Context, keys ...string) error {
	return l.submit(context.WithoutCancel(ctx), func(b *batch) error {
		for _, key := range keys {
			if _, err := b.event(Event{Phase: PhaseOutcome, Step: Note, Outcome: fault.OK.String(), Reason: key + "="}); err != nil {
				return err
			}
			if err := b.exec("DELETE FROM notes WHERE key = ?", key); err != nil {
				return err
			}
		}
		return nil
	})
}

// Time returns a time that is kept under key, zero when there is none.
func (l *Ledger) Time(ctx context.Context, key string) (time.Time, error) {
	text, err := l.Note(ctx, key)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("the ledger %s has no time under %s: %w", l.path, key, err)
	}
	return at, nil
}

// ErrSwitched is a command that would set the target from the source while the target
// is the one that is in force.
var ErrSwitched = errors.New("the target is in force, or a rollback did not come to its end, and nothing is copied over it: " +
	"set secrets with secretscli; until a purge, \"identitymesh-migrate rollback\" goes back, and then you can begin anew")

// NotSwitched returns [ErrSwitched] from when the target was in force everywhere to the
// end of a rollback.
func (l *Ledger) NotSwitched(ctx context.Context) error {
	for _, key := range []string{NoteInForce, NoteBackBegan} {
		text, err := l.Note(ctx, key)
		if err == nil && text != "" {
			err = ErrSwitched
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ErrNotInForce is a command that needs the target to be in force everywhere.
var ErrNotInForce = errors.New("the target is not in force everywhere: switch first, again if something changed since, or finish the rollback that was begun")

// InForce returns when every process used the target; [ErrNotInForce] before that, and
// from the beginning of a rollback.
func (l *Ledger) InForce(ctx context.Context) (time.Time, error) {
	at, err := l.Time(ctx, NoteInForce)
	if err != nil {
		return at, err
	}
	back, err := l.Note(ctx, NoteBackBegan)
	if err == nil && (at.IsZero() || back != "") {
		err = ErrNotInForce
	}
	return at, err
}
