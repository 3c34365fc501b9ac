package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// BrokenError is a chain that is not as it was written.
type BrokenError struct {
	// Chain is [AdminChain] or that of a connector; see [ObjectChain].
	Chain string
	// Seq is the first record that does not fit.
	Seq int64
	// Why in words.
	Why string
}

func (e *BrokenError) Error() string {
	if connector, ok := strings.CutPrefix(e.Chain, objectChains); ok {
		return fmt.Sprintf("the audit chain of connector %s was changed at record %d: %s", connector, e.Seq, e.Why)
	}
	return fmt.Sprintf("the audit log was changed at record %d: %s", e.Seq, e.Why)
}

// Report is what a verification found.
type Report struct {
	// Records that were checked, all of them good, and the Hash of the last.
	Records int64  `json:"records"`
	Hash    string `json:"hash"`
	// Open is how many intents have no outcome: whoever acted was interrupted, or is
	// still at it.
	Open int `json:"open"`
	// Removed is how many records before the first were removed for their age, by the
	// word of Signer, a public key.
	Removed int64  `json:"removed,omitempty"`
	Signer  string `json:"signer,omitempty"`
	// Heads is how many heads that were written elsewhere are in the chain.
	Heads int `json:"heads,omitempty"`
}

// verifier checks the records of one chain in their order.
type verifier struct {
	chain string
	// trusted are the public keys whose checkpoints count.
	trusted []string
	heads   *Heads // nil for none
	end     end
	report  Report
	// open are the intents without an outcome.
	open map[int64]Record
}

// newVerifier begins behind the checkpoint, or with the first record when it is nil.
func newVerifier(chain string, cp *Checkpoint, trusted []string, heads *Heads) (*verifier, error) {
	v := &verifier{chain: chain, trusted: trusted, heads: heads, end: end{0, start}, open: map[int64]Record{}}
	v.report.Hash = start
	if cp == nil {
		return v, nil
	}
	v.end = end{cp.Seq, cp.Hash}
	v.report.Removed, v.report.Signer, v.report.Hash = cp.Seq, cp.Signer, cp.Hash
	switch {
	case cp.Chain != chain || cp.Seq <= 0:
		return v, v.broken(1, "the checkpoint before it is for another chain")
	case !cp.signed():
		return v, v.broken(1, "the signature of the checkpoint that says what was removed does not fit it")
	case !slices.Contains(trusted, cp.Signer):
		return v, v.broken(1, fmt.Sprintf("records up to %d were removed by the word of the key %s, which is not trusted here", cp.Seq, cp.Signer))
	}
	return v, v.compare()
}

func (v *verifier) broken(seq int64, why string) error { return &BrokenError{v.chain, seq, why} }

// next checks that a record continues the chain.
func (v *verifier) next(seq int64, hash string, sum func(before string) (string, error)) error {
	if seq != v.end.seq+1 {
		return v.broken(v.end.seq+1, fmt.Sprintf("it is missing, the next one there is number %d", seq))
	}
	want, err := sum(v.end.hash)
	if err != nil {
		return v.broken(seq, err.Error())
	}
	if hash != want {
		return v.broken(seq, "its hash does not fit its content and the record before")
	}
	v.end = end{seq, hash}
	return v.compare()
}

// compare checks the end against the heads.
func (v *verifier) compare() error {
	h, ok := v.heads.from(v.chain, v.end.seq)
	if !ok || h.seq != v.end.seq {
		return nil
	}
	if h.hex() != v.end.hash {
		return v.broken(v.end.seq, fmt.Sprintf("the head that was written elsewhere at %s has another hash; the chain was written anew", h.time()))
	}
	v.report.Heads++
	return nil
}

const timeForPeople = "2006-01-02 15:04:05 MST"

func (v *verifier) add(r Record) error {
	if err := v.next(r.Seq, r.Hash, r.sum); err != nil {
		return err
	}
	switch intent, known := v.open[r.Intent]; {
	case r.Phase == Intent:
		v.open[r.Seq] = r
	case r.Phase == Event:
	case r.Phase == Outcome && r.Intent > 0 && r.Intent <= v.report.Removed: // it was removed
	case !known || intent.Action != r.Action:
		return v.broken(r.Seq, fmt.Sprintf("it is the outcome of record %d, which is no open intent of the same action", r.Intent))
	default:
		delete(v.open, r.Intent)
	}
	v.good()
	return nil
}

func (v *verifier) addObjects(r ObjectRecord) error {
	if ObjectChain(r.Connector) != v.chain {
		return v.broken(r.Seq, "it is from the chain of another connector")
	}
	err := v.next(r.Seq, r.Hash, r.sum)
	if err == nil {
		v.good()
	}
	return err
}

func (v *verifier) good() {
	v.report.Records++
	v.report.Hash, v.report.Open = v.end.hash, len(v.open)
}

// finish checks that nothing is missing behind the last record.
func (v *verifier) finish() error {
	if h, ok := v.heads.last(v.chain); ok && h.seq > v.end.seq {
		return v.broken(v.end.seq+1, fmt.Sprintf("it is missing: the head that was written elsewhere at %s is record %d; records at the end were removed",
			h.time(), h.seq))
	}
	return nil
}

// Trust says by whose word records may have been removed: the public keys of
// checkpoints. Call it before the log is used.
func (l *Log) Trust(keys ...string) { l.trusted = keys }

// TrustKeyOf trusts the key in the data folder too, from when it is made on.
func (l *Log) TrustKeyOf(dataFolder string, keys ...string) {
	l.keyFolder, l.trusted = dataFolder, keys
}

// trusts returns the public keys that are trusted now. A key that cannot be read
// vouches for nothing.
func (l *Log) trusts() []string {
	if l.keyFolder == "" {
		return l.trusted
	}
	key, err := OpenKey(l.keyFolder, false)
	if err != nil {
		return l.trusted
	}
	return append(slices.Clone(l.trusted), key.Public())
}

// Verify checks the whole chain of what people did and that it ends where its head
// says. A chain that was changed gives a [*BrokenError] beside what was good before
// it.
func (l *Log) Verify(ctx context.Context) (Report, error) { return l.VerifyChain(ctx, AdminChain, nil) }

// VerifyChain checks a chain, also against heads that were written elsewhere, which
// may be nil.
func (l *Log) VerifyChain(ctx context.Context, chain string, heads *Heads) (Report, error) {
	// The head first: records that are written meanwhile do no harm. Records that are
	// removed meanwhile could, so it is tried again when there is a new checkpoint.
	for {
		report, cp, err := l.verifyOnce(ctx, chain, heads)
		if !errors.As(err, new(*BrokenError)) {
			return report, err
		}
		now, e := l.Checkpoint(ctx, chain)
		if e != nil || now == nil || cp != nil && now.Seq == cp.Seq {
			return report, err
		}
	}
}

func (l *Log) verifyOnce(ctx context.Context, chain string, heads *Heads) (Report, *Checkpoint, error) {
	head, err := l.head(ctx, chain)
	if err != nil {
		return Report{}, nil, err
	}
	cp, err := l.Checkpoint(ctx, chain)
	if err != nil {
		return Report{}, nil, err
	}
	v, err := newVerifier(chain, cp, l.trusts(), heads)
	if err != nil {
		return v.report, cp, err
	}
	found := head == v.end
	checked := func(err error) error {
		found = found || head == v.end
		return err
	}
	if connector, ok := strings.CutPrefix(chain, objectChains); ok {
		err = l.ObjectRecords(ctx, connector, v.end.seq, func(r ObjectRecord) error { return checked(v.addObjects(r)) })
	} else {
		err = l.Records(ctx, v.end.seq, func(r Record) error { return checked(v.add(r)) })
	}
	if err == nil && !found {
		err = v.broken(head.seq, "the log does not contain the record that its head names; records at its end were removed or replaced")
	}
	if err == nil && v.end.seq > head.seq {
		// They were written meanwhile, and then the head is there by now.
		if head, err = l.head(ctx, chain); err == nil && head.seq < v.end.seq {
			err = v.broken(head.seq+1, "it is behind the record that the head names")
		}
	}
	if err == nil {
		err = v.finish()
	}
	return v.report, cp, err
}

// VerifyObjects checks the chains of all connectors, calls each with the report of
// one, and returns all that are broken, joined.
func (l *Log) VerifyObjects(ctx context.Context, heads *Heads, each func(connectorID string, r Report)) error {
	connectors, err := l.Connectors(ctx, heads)
	if err != nil {
		return err
	}
	var all []error
	for _, id := range connectors {
		report, err := l.VerifyChain(ctx, ObjectChain(id), heads)
		var broken *BrokenError
		switch {
		case err == nil:
			each(id, report)
		case errors.As(err, &broken):
			all = append(all, err)
		default:
			return err
		}
	}
	return errors.Join(all...)
}

// Connectors returns the ids of the connectors that have a chain, records of one, or
// heads of one elsewhere, in order. Those that were deleted have one too.
func (l *Log) Connectors(ctx context.Context, heads *Heads) (ids []string, err error) {
	for _, chain := range heads.chains() {
		if id, ok := strings.CutPrefix(chain, objectChains); ok {
			ids = append(ids, id)
		}
	}
	for _, query := range []string{"SELECT chain FROM IM_AuditHeads", "SELECT DISTINCT connector_id FROM IM_ObjectAudit"} {
		list, err := l.names(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("list the audit chains of %s: %w", l.db.Target, err)
		}
		for _, name := range list {
			if name != AdminChain {
				ids = append(ids, strings.TrimPrefix(name, objectChains))
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (l *Log) names(ctx context.Context, query string) (list []string, err error) {
	rows, err := l.db.Read.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

// ObjectRecords calls yield for each record of a connector after the one numbered
// after, in order, until it returns an error, which ObjectRecords returns.
func (l *Log) ObjectRecords(ctx context.Context, connectorID string, after int64, yield func(ObjectRecord) error) error {
	for {
		// One has the changes of a whole page of objects.
		page, err := l.readObjects(ctx, connectorID, "SELECT "+objectColumns+" FROM IM_ObjectAudit WHERE connector_id = @p1 AND seq > @p2 ORDER BY seq"+
			l.db.Dialect.Limit("@p3"), connectorID, after, 20)
		if err != nil {
			return fmt.Errorf("read the audit chain of connector %s in %s: %w", connectorID, l.db.Target, err)
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return err
			}
			after = r.Seq
		}
		if len(page) == 0 {
			return nil
		}
	}
}

// rowQuerier is a transaction, or the pool of readers.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// oneRow scans the one row of a query, if there is one.
func (l *Log) oneRow(ctx context.Context, q rowQuerier, text string, args, into []any) (found bool, err error) {
	err = q.QueryRowContext(ctx, l.db.Dialect.SQL(text), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
