package audit

import (
	"context"
	"fmt"
)

// BrokenError is a chain that is not as it was written.
type BrokenError struct {
	// Seq is the first record that does not fit.
	Seq int64
	// Why in words.
	Why string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the audit log was changed at record %d: %s", e.Seq, e.Why)
}

// Verifier checks records in the order of the chain, from the first one on. The
// zero value is ready to use.
type Verifier struct {
	seq  int64
	hash string
	open map[int64]Record
}

// Add checks the next record. The error is a [*BrokenError].
func (v *Verifier) Add(r Record) error {
	if v.hash == "" {
		v.hash, v.open = start, map[int64]Record{}
	}
	if r.Seq != v.seq+1 {
		return &BrokenError{v.seq + 1, fmt.Sprintf("it is missing, the next one there is number %d", r.Seq)}
	}
	hash, err := r.sum(v.hash)
	if err != nil {
		return &BrokenError{r.Seq, err.Error()}
	}
	if hash != r.Hash {
		return &BrokenError{r.Seq, "its hash does not fit its content and the record before"}
	}
	switch intent, known := v.open[r.Intent]; {
	case r.Phase == Intent:
		v.open[r.Seq] = r
	case !known || intent.Action != r.Action:
		return &BrokenError{r.Seq, fmt.Sprintf("it is the outcome of record %d, which is no open intent of the same action", r.Intent)}
	default:
		delete(v.open, r.Intent)
	}
	v.seq, v.hash = r.Seq, r.Hash
	return nil
}

// Report is what a verification found.
type Report struct {
	// Records that were checked, all of them good, and the Hash of the last.
	Records int64  `json:"records"`
	Hash    string `json:"hash"`
	// Open is how many intents have no outcome: whoever acted was interrupted, or is
	// still at it.
	Open int `json:"open"`
}

// Report returns what was checked so far.
func (v *Verifier) Report() Report {
	if v.hash == "" {
		return Report{Hash: start}
	}
	return Report{Records: v.seq, Hash: v.hash, Open: len(v.open)}
}

// Verify checks the whole log and that it ends where its head says. A chain that
// was changed gives a [*BrokenError] beside what was good before it.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	// The head first: records that are written meanwhile do no harm.
	seq, hash, err := l.Head(ctx)
	if err != nil {
		return Report{}, err
	}
	var v Verifier
	found := seq == 0 && hash == start
	err = l.Records(ctx, 0, func(r Record) error {
		if err := v.Add(r); err != nil {
			return err
		}
		found = found || r.Seq == seq && r.Hash == hash
		return nil
	})
	if err == nil && !found {
		err = &BrokenError{seq, "the log does not contain the record that its head names; records at its end were removed or replaced"}
	}
	return v.Report(), err
}
