package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Phase says whether an event was written before or after what it tells of.
type Phase string

// The phases.
const (
	PhaseIntent  Phase = "intent"
	PhaseOutcome Phase = "outcome"
)

// Event is one entry of the ledger's chain.
type Event struct {
	// Seq counts from 1 without a gap.
	Seq int64 `json:"seq"`
	// At in UTC, whole microseconds.
	At    time.Time `json:"at"`
	Phase Phase     `json:"phase"`
	// Intent is the event whose outcome this is; 0 for none.
	Intent int64 `json:"intent,omitempty"`
	Step   Step  `json:"step"`
	// Ref is empty for the migration as a whole.
	Ref           secret.Ref     `json:"ref,omitempty"`
	From          State          `json:"from,omitempty"`
	To            State          `json:"to,omitempty"`
	SourceVersion secret.Version `json:"sourceVersion,omitempty"`
	TargetVersion secret.Version `json:"targetVersion,omitempty"`
	Who           string         `json:"who"`
	Host          string         `json:"host"`
	// Outcome is OK or the reason of a failure; empty for an intent.
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Hash is the SHA-256 of the hash before and of this event, in hexadecimal digits.
	Hash string `json:"hash"`
}

// formVersion is the first byte of the canonical form.
const formVersion = 1

// sum returns the event's hash. In its canonical form numbers have eight bytes and
// texts their length before them, so that no text can look like two fields.
func (e Event) sum(before string) (string, error) {
	previous, err := hex.DecodeString(before)
	if err != nil || len(previous) != sha256.Size {
		return "", fmt.Errorf("the hash before event %d is no SHA-256", e.Seq)
	}
	form := append(previous, formVersion)
	for _, n := range []int64{e.Seq, e.At.UnixMicro(), e.Intent} {
		form = binary.BigEndian.AppendUint64(form, uint64(n))
	}
	for _, s := range e.texts() {
		form = binary.BigEndian.AppendUint64(form, uint64(len(s)))
		form = append(form, s...)
	}
	hash := sha256.Sum256(form)
	return hex.EncodeToString(hash[:]), nil
}

// texts are in the order of the canonical form and of the columns.
func (e Event) texts() []string {
	return []string{string(e.Phase), string(e.Step), string(e.Ref), string(e.From), string(e.To),
		string(e.SourceVersion), string(e.TargetVersion), e.Who, e.Host, e.Outcome, e.Reason}
}

// eventColumns in the order of [Event.texts], behind seq, at and intent.
const eventColumns = "seq, at, intent, phase, step, ref, from_state, to_state, source_version, target_version, who, host, outcome, reason, hash"

// event adds e to the chain and returns its number.
func (b *batch) event(e Event) (int64, error) {
	e.Seq, e.At, e.Who, e.Host = b.seq+1, b.now, b.who, b.host
	hash, err := e.sum(b.hash)
	if err != nil {
		return 0, &brokenError{err}
	}
	args := []any{e.Seq, b.at, e.Intent}
	for _, s := range e.texts() {
		args = append(args, s)
	}
	if err := b.exec(insertEvent, append(args, hash)...); err != nil {
		return 0, err
	}
	b.seq, b.hash = e.Seq, hash
	return e.Seq, nil
}

// eventPage is how many events are read at a time.
const eventPage = 100

// Events calls yield for each event after the one numbered after, in order, until it
// returns an error, which Events returns.
func (l *Ledger) Events(ctx context.Context, after int64, yield func(Event) error) error {
	for {
		page, err := l.events(ctx, "WHERE seq > ? ORDER BY seq LIMIT ?", after, eventPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := yield(e); err != nil {
				return err
			}
			after = e.Seq
		}
		if len(page) < eventPage {
			return nil
		}
	}
}

// Event returns the event of that number.
func (l *Ledger) Event(ctx context.Context, seq int64) (Event, error) {
	list, err := l.events(ctx, "WHERE seq = ?", seq)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("the ledger %s has no event %d", l.path, seq)
	}
	if err != nil {
		return Event{}, err
	}
	return list[0], nil
}

func (l *Ledger) events(ctx context.Context, where string, args ...any) (page []Event, err error) {
	rows, err := l.db.Read.QueryContext(ctx, "SELECT "+eventColumns+" FROM events "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Event
		var at productdb.Time
		if err := rows.Scan(&e.Seq, &at, &e.Intent, &e.Phase, &e.Step, &e.Ref, &e.From, &e.To, &e.SourceVersion, &e.TargetVersion,
			&e.Who, &e.Host, &e.Outcome, &e.Reason, &e.Hash); err != nil {
			return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
		}
		e.At = at.Time
		page = append(page, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	return page, nil
}

// Fingerprint identifies everything that happened so far: the number and the hash of
// the newest event.
type Fingerprint struct {
	Events int64  `json:"events"`
	Hash   string `json:"hash"`
}

// BrokenError is a ledger that was changed afterwards.
type BrokenError struct {
	// Seq is the first event that does not fit.
	Seq int64
	Why string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the ledger was changed at event %d: %s", e.Seq, e.Why)
}

// Fingerprint checks the whole chain and returns its end. A ledger that was changed
// gives a [*BrokenError].
func (l *Ledger) Fingerprint(ctx context.Context) (Fingerprint, error) {
	// The head first: what is recorded meanwhile does no harm.
	var head Fingerprint
	if err := l.db.Read.QueryRowContext(ctx, "SELECT seq, hash FROM head").Scan(&head.Events, &head.Hash); err != nil {
		return head, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	seq, hash := int64(0), strings.Repeat("0", 2*sha256.Size)
	found := head.Events == 0 && head.Hash == hash
	err := l.Events(ctx, 0, func(e Event) error {
		if e.Seq != seq+1 {
			return &BrokenError{seq + 1, "it is missing"}
		}
		sum, err := e.sum(hash)
		if err != nil {
			return err
		}
		if sum != e.Hash {
			return &BrokenError{e.Seq, "its hash does not fit its content and the event before"}
		}
		seq, hash = e.Seq, e.Hash
		found = found || seq == head.Events && hash == head.Hash
		return nil
	})
	if err == nil && !found {
		err = &BrokenError{head.Events, "the events do not contain the one that the head names"}
	}
	return head, err
}
