package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Entry is what the ledger knows of a ref.
type Entry struct {
	Ref secret.Ref `json:"ref"`
	// Name in every store; see package naming.
	Name    string  `json:"name"`
	State   State   `json:"state"`
	Verdict Verdict `json:"verdict"`
	// Used is true when a connector needs it.
	Used bool `json:"used"`
	// SourceVersion and TargetVersion were seen by the last step.
	SourceVersion secret.Version `json:"sourceVersion,omitempty"`
	TargetVersion secret.Version `json:"targetVersion,omitempty"`
	// Written is the version that the last copy made in the target: while the target is at
	// it, nobody else has set the secret there. Empty before the first copy.
	Written secret.Version `json:"written,omitempty"`
	// Reason why it is where it is, and what to do Next; empty when all is well.
	Reason string `json:"reason,omitempty"`
	Next   string `json:"next,omitempty"`
	// Reads that were seen from the target since the switch, the newest at LastRead.
	Reads    int64     `json:"reads"`
	LastRead time.Time `json:"lastRead,omitzero"`
	Changed  time.Time `json:"changed"`
	// Open is the number of an intent that has no outcome: whoever began it was
	// killed, or is still at it. 0 for none; see [Ledger.Resume].
	Open int64 `json:"open,omitempty"`
}

const entryColumns = "ref, name, state, verdict, used, source_version, target_version, written, reason, next, reads, last_read, changed, open"

// entryPage is how many entries are read at a time.
const entryPage = 200

// Entries calls yield for each ref in one of the states, all of them when none is
// given, in the order of refs, until it returns an error, which Entries returns. A
// ref that is moved meanwhile may be seen in its old or its new state.
func (l *Ledger) Entries(ctx context.Context, states []State, yield func(Entry) error) error {
	for after := ""; ; {
		page, err := l.Page(ctx, states, secret.Ref(after), entryPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := yield(e); err != nil {
				return err
			}
			after = string(e.Ref)
		}
		if len(page) < entryPage {
			return nil
		}
	}
}

// Page returns at most limit refs behind after; see [Ledger.Entries].
func (l *Ledger) Page(ctx context.Context, states []State, after secret.Ref, limit int) ([]Entry, error) {
	where, args := "WHERE ref > ?", []any{string(after)}
	if len(states) > 0 {
		where += " AND state IN ("
		for i, s := range states {
			if i > 0 {
				where += ", "
			}
			where += "?"
			args = append(args, string(s))
		}
		where += ")"
	}
	return l.entries(ctx, where+" ORDER BY ref LIMIT ?", append(args, limit)...)
}

// Entry returns one ref; an [*UnknownError] when there is none.
func (l *Ledger) Entry(ctx context.Context, ref secret.Ref) (Entry, error) {
	list, err := l.entries(ctx, "WHERE ref = ?", string(ref))
	if err == nil && len(list) == 0 {
		err = &UnknownError{ref}
	}
	if err != nil {
		return Entry{}, err
	}
	return list[0], nil
}

// Interrupted returns the refs with a step that has no outcome. They are few: as many
// as were worked on at once.
func (l *Ledger) Interrupted(ctx context.Context) ([]Entry, error) {
	return l.entries(ctx, "WHERE open <> 0 ORDER BY ref")
}

// Resume returns the intent of an entry of [Ledger.Interrupted], to be ended.
func (l *Ledger) Resume(ctx context.Context, e Entry) (Intent, Event, error) {
	begun, err := l.Event(ctx, e.Open)
	return Intent{Ref: e.Ref, Step: begun.Step, Event: begun.Seq}, begun, err
}

func (l *Ledger) entries(ctx context.Context, where string, args ...any) (page []Entry, err error) {
	rows, err := l.db.Read.QueryContext(ctx, "SELECT "+entryColumns+" FROM refs "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	defer rows.Close()
	page = []Entry{} // a list also where it is shown as JSON
	for rows.Next() {
		var e Entry
		var lastRead, changed productdb.Time
		if err := rows.Scan(&e.Ref, &e.Name, &e.State, &e.Verdict, &e.Used, &e.SourceVersion, &e.TargetVersion, &e.Written, &e.Reason, &e.Next,
			&e.Reads, &lastRead, &changed, &e.Open); err != nil {
			return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
		}
		e.LastRead, e.Changed = lastRead.Time, changed.Time
		page = append(page, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	return page, nil
}

// Changed returns when the last ref came into its state; zero without any.
func (l *Ledger) Changed(ctx context.Context) (time.Time, error) {
	list, err := l.entries(ctx, "ORDER BY changed DESC LIMIT 1")
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].Changed, nil
}

// Counts returns how many refs are in each state; states without any are absent.
func (l *Ledger) Counts(ctx context.Context) (map[State]int, error) {
	return count[State](ctx, l, "SELECT state, COUNT(*) FROM refs GROUP BY state")
}

// Verdicts returns how many refs had each verdict in the last plan.
func (l *Ledger) Verdicts(ctx context.Context) (map[Verdict]int, error) {
	return count[Verdict](ctx, l, "SELECT verdict, COUNT(*) FROM refs GROUP BY verdict")
}

func count[K ~string](ctx context.Context, l *Ledger, query string) (map[K]int, error) {
	rows, err := l.db.Read.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	defer rows.Close()
	out := map[K]int{}
	for rows.Next() {
		var key K
		var n int
		if err := rows.Scan(&key, &n); err != nil {
			return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
		}
		out[key] = n
	}
	return out, rows.Err()
}
