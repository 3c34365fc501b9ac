package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// runPage is how many runs are read at a time.
const runPage = 200

// look counts the runs that ended since the last look, and returns the first that
// failed because of a secret.
func (s *Soak) look(ctx context.Context) (*Failure, error) {
	uses, err := s.Uses(ctx)
	if err != nil {
		return nil, err
	}
	refs := map[string][]secret.Ref{} // by connector
	for ref, connectors := range uses {
		for _, c := range connectors {
			refs[c] = append(refs[c], ref)
		}
	}
	ended, after, err := s.ended(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range ended {
		if len(refs[r.ConnectorName]) == 0 {
			continue
		}
		if isSecret(r) {
			return &Failure{Run: r.ID, Connector: r.ConnectorName, Reason: r.Reason, Words: r.Error, At: r.Finished}, nil
		}
		if r.Status != store.Succeeded {
			continue
		}
		for _, ref := range refs[r.ConnectorName] {
			c, err := s.counts(ctx, ref)
			if err != nil {
				return nil, err
			}
			if c.moved && r.Finished.After(c.last) {
				c.reads, c.last = c.reads+1, r.Finished
				s.counted[ref] = c
			}
		}
	}
	s.after = after
	return nil, nil
}

// ended returns the runs behind s.after that count and are over, in
// the order in which they ended, and the number up to which all are.
func (s *Soak) ended(ctx context.Context) (list []store.Run, after int64, err error) {
	after = s.after
	open := int64(0)
	for before := int64(0); ; {
		page, err := s.Runs.ListRuns(ctx, store.RunFilter{Before: before}, runPage)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range page {
			before = r.Seq
			if r.Seq <= s.after || r.Queued.Before(s.since) {
				page = nil
				break
			}
			after = max(after, r.Seq)
			switch {
			case r.Status == store.Queued || r.Status == store.Running:
				open = r.Seq // the lowest in the end
			default:
				list = append(list, r)
			}
		}
		if len(page) < runPage {
			break
		}
	}
	if open > 0 {
		after = open - 1
	}
	slices.SortFunc(list, func(a, b store.Run) int {
		return cmp.Or(a.Finished.Compare(b.Finished), cmp.Compare(a.Seq, b.Seq))
	})
	return list, after, nil
}

// counts returns what was counted of ref, at first what the ledger knows: a run that
// was counted before a kill did not end after the last one that is recorded.
func (s *Soak) counts(ctx context.Context, ref secret.Ref) (counts, error) {
	if c, known := s.counted[ref]; known {
		return c, nil
	}
	e, err := s.Ledger.Entry(ctx, ref)
	if unknown := (*ledger.UnknownError)(nil); errors.As(err, &unknown) {
		err = nil // it was set in the target after the plan, or was there before
	}
	if err != nil {
		return counts{}, err
	}
	return counts{last: e.LastRead, proved: e.Reads > 0, moved: e.State == ledger.Soaking}, nil
}

// flush records what was counted.
func (s *Soak) flush(ctx context.Context) error {
	for ref, c := range s.counted {
		if c.reads == 0 {
			continue
		}
		if err := s.Ledger.Record(ctx, ref, ledger.Soak, ledger.Change{Reads: c.reads, LastRead: c.last}); err != nil {
			return err
		}
		s.counted[ref] = counts{last: c.last, proved: true, moved: true}
	}
	return s.Ledger.SetNote(ctx, noteAfter, fmt.Sprint(s.after))
}
