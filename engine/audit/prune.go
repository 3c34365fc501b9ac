package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// pruneBatch is how many records one statement removes; of a connector's chain, whose
// records are large, a tenth.
const pruneBatch = 5000

// Prune removes the records of a chain that are older than before, as far as they
// follow one another from its beginning. It checks them first, and does not remove
// what is not as it was written: that is a [*BrokenError]. With heads that were written
// elsewhere, which may be nil, it checks as far as the first head that covers all of
// it: later none of them could tell that what was removed had been written anew.
// Before anything is removed there is a checkpoint, signed with key, which must be a
// trusted one. Processes may do it at the same time, and what one of them did not get
// done the next does.
func (l *Log) Prune(ctx context.Context, chain string, before time.Time, key *Key, heads *Heads) (removed int64, err error) {
	for {
		n, err := l.pruneOnce(ctx, chain, before, key, heads)
		removed += n
		switch {
		case err == nil:
			return removed, nil
		case !errors.Is(err, errMoved):
			return removed, fmt.Errorf("remove old records of the audit chain %s in %s: %w", chain, l.db.Target, err)
		}
	}
}

func (l *Log) pruneOnce(ctx context.Context, chain string, before time.Time, key *Key, heads *Heads) (removed int64, err error) {
	cp, err := l.Checkpoint(ctx, chain)
	if err != nil {
		return 0, err
	}
	v, err := newVerifier(chain, cp, append(slices.Clone(l.trusts()), key.Public()), heads)
	if err != nil {
		return 0, err
	}
	last, covered := v.end, int64(0)
	enough := errors.New("the rest is younger")
	old := func(at time.Time, err error) error {
		if covered == 0 && at.Before(before) {
			if err == nil {
				last = v.end
			}
			return err
		}
		if covered == 0 {
			// Heads cover what comes before them too.
			covered = last.seq
			if h, ok := heads.from(chain, last.seq); ok && last.seq > v.report.Removed {
				covered = h.seq
			}
			if covered <= last.seq {
				return enough
			}
		}
		if err == nil && v.end.seq >= covered {
			return enough
		}
		return err
	}
	if connector, ok := strings.CutPrefix(chain, objectChains); ok {
		err = l.ObjectRecords(ctx, connector, v.end.seq, func(r ObjectRecord) error { return old(r.Time, v.addObjects(r)) })
	} else {
		err = l.Records(ctx, v.end.seq, func(r Record) error { return old(r.Time, v.add(r)) })
	}
	if err == nil {
		err = v.finish() // there are no more records, and heads may say that there were
	}
	if err != nil && !errors.Is(err, enough) {
		if now, e := l.Checkpoint(ctx, chain); e == nil && now != nil && (cp == nil || now.Seq != cp.Seq) {
			err = errMoved // what is missing was removed meanwhile
		}
		return 0, err
	}
	if last.seq > v.report.Removed {
		if err := l.sign(ctx, chain, last, cp, key); err != nil {
			return 0, err
		}
	}
	return l.removeUpTo(ctx, chain, last.seq)
}

// errMoved: another process has removed records meanwhile.
var errMoved = errors.New("another process removes records at the same time")

// sign writes the checkpoint that takes the place of the one before.
func (l *Log) sign(ctx context.Context, chain string, last end, before *Checkpoint, key *Key) error {
	c := Checkpoint{Chain: chain, Seq: last.seq, Hash: last.hash, Time: productdb.Cut(l.now())}
	key.sign(&c)
	return l.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		head, err := l.hold(ctx, tx, chain) // so that two do not do it at once
		if err != nil {
			return err
		}
		var now sql.NullInt64
		if _, err := l.oneRow(ctx, tx, "SELECT MAX(seq) FROM IM_AuditCheckpoints WHERE chain = @p1", []any{chain}, []any{&now}); err != nil {
			return err
		}
		if now.Valid && (before == nil || now.Int64 != before.Seq) {
			return errMoved
		}
		if last.seq > head.seq {
			return &BrokenError{chain, last.seq, "the chain goes on behind its head"}
		}
		_, err = tx.ExecContext(ctx, l.db.Dialect.SQL("INSERT INTO IM_AuditCheckpoints (chain, seq, hash, at, signer, signature) VALUES (@p1, @p2, @p3, @p4, @p5, @p6)"),
			c.Chain, c.Seq, c.Hash, l.db.Dialect.Time(c.Time), c.Signer, c.Signature)
		return err
	})
}

// removeUpTo removes the records that a checkpoint covers, some at a time, and none
// that it does not.
func (l *Log) removeUpTo(ctx context.Context, chain string, seq int64) (removed int64, err error) {
	cp, err := l.Checkpoint(ctx, chain)
	if err != nil || cp == nil {
		return 0, err
	}
	seq = min(seq, cp.Seq)
	remove, first, step, args := "DELETE FROM IM_AdminAudit WHERE seq <= @p1", "SELECT MIN(seq) FROM IM_AdminAudit", int64(pruneBatch), []any{}
	if connector, ok := strings.CutPrefix(chain, objectChains); ok {
		remove = "DELETE FROM IM_ObjectAudit WHERE seq <= @p1 AND connector_id = @p2"
		first, step, args = "SELECT MIN(seq) FROM IM_ObjectAudit WHERE connector_id = @p1", pruneBatch/10, []any{connector}
	}
	for {
		var at sql.NullInt64
		if _, err := l.oneRow(ctx, l.db.Read, first, args, []any{&at}); err != nil || !at.Valid || at.Int64 > seq {
			return removed, err
		}
		var n int64
		err := l.db.InWriteTx(ctx, func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, l.db.Dialect.SQL(remove), append([]any{min(seq, at.Int64+step)}, args...)...)
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return removed, err
		}
		removed += n
	}
}

// Retention says how old records may become; zero times keep all.
type Retention struct {
	// Admin and Objects are the times before which records are removed, of the chain
	// of what people did and of those of connectors.
	Admin, Objects time.Time
	// Heads that were written elsewhere, and that what is removed must not contradict;
	// nil for none.
	Heads *Heads
}

// PruneAll removes old records of all chains, and records what e says, with what was
// removed, when there was anything to remove. A chain that is broken, or fails, does
// not keep it from the others.
func (l *Log) PruneAll(ctx context.Context, r Retention, key *Key, e Entry) (removed int64, err error) {
	due, err := l.due(ctx, r)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	e.Detail = fmt.Sprintf(`{"chains":%d}`, len(due))
	op, err := l.Begin(ctx, e)
	if err != nil {
		return 0, err
	}
	var failed []error
	for _, chain := range due {
		before := r.Objects
		if chain == AdminChain {
			before = r.Admin
		}
		n, err := l.Prune(ctx, chain, before, key, r.Heads)
		removed += n
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	err = errors.Join(failed...)
	detail := fmt.Sprintf(`{"chains":%d,"failed":%d,"removed":%d}`, len(due), len(failed), removed)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	return removed, errors.Join(err, op.End(ending, err, detail))
}

// endLimit bounds the last record of work that was given up.
const endLimit = 5 * time.Second

// due returns the chains that begin with records that are too old.
func (l *Log) due(ctx context.Context, r Retention) (chains []string, err error) {
	look := func(chain string, before time.Time, query string, args ...any) error {
		var at productdb.Time
		found, err := l.oneRow(ctx, l.db.Read, query+" ORDER BY seq"+l.db.Dialect.Limit("1"), args, []any{&at})
		if err == nil && found && at.Before(before) {
			chains = append(chains, chain)
		}
		return err
	}
	if !r.Admin.IsZero() {
		if err := look(AdminChain, r.Admin, "SELECT at FROM IM_AdminAudit"); err != nil {
			return nil, fmt.Errorf("look for old records in the audit log of %s: %w", l.db.Target, err)
		}
	}
	if r.Objects.IsZero() {
		return chains, nil
	}
	connectors, err := l.Connectors(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, id := range connectors {
		if err := look(ObjectChain(id), r.Objects, "SELECT at FROM IM_ObjectAudit WHERE connector_id = @p1", id); err != nil {
			return nil, fmt.Errorf("look for old records in the audit chains of %s: %w", l.db.Target, err)
		}
	}
	return chains, nil
}
