// Package audit keeps the record of what people did, in a form that shows whether
// somebody changed it afterwards: each record holds a hash over itself and the
// hash of the record before.
//
// An action is recorded twice: before it is tried, so that none can happen without
// a trace, and when its outcome is known. Whoever cannot write the first record
// must not act. What happens by itself is recorded once, by a [Recorder], which keeps
// it in a file while the database is away. What runs do to objects has a chain for
// each connector, whose records are written by the transactions that do it.
//
// Start reading at [Log.Begin] and [Log.Objects]; [Log.Verify] checks a chain,
// [VerifyExport] does it away from the database. [Log.Prune] removes old records
// behind a signed [Checkpoint], and a [Keeper] does that every day and writes the
// ends of the chains elsewhere.
package audit

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

//go:embed migrations
var migrations embed.FS

// versionTable records which migrations of this package were applied.
const versionTable = "IM_AuditSchema"

// Log is the chain of records in the product database. It is safe for concurrent
// use, by several processes too: they take turns.
type Log struct {
	db      *productdb.DB
	now     func() time.Time
	trusted []string
	// keyFolder has a key that is trusted too; empty for none.
	keyFolder string
}

// Open brings the tables up to date. The caller keeps the database and closes it;
// now is the clock, nil for the system's. A database of a newer version gives a
// [*productdb.NewerSchemaError].
func Open(ctx context.Context, db *productdb.DB, now func() time.Time) (*Log, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, files, versionTable)
	}
	if err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	return On(db, now), nil
}

// On returns the log of a database whose tables [Open] brought up to date.
func On(db *productdb.DB, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{db: db, now: now}
}

// Operation is an action whose intent was recorded.
type Operation struct {
	log    *Log
	intent Record
}

// Begin records that e is about to be done. With an error, it must not be done.
func (l *Log) Begin(ctx context.Context, e Entry) (*Operation, error) {
	r, err := l.append(ctx, Record{Phase: Intent, Entry: e})
	if err != nil {
		return nil, fmt.Errorf("record the intent of %s in the audit log of %s, so nothing was done: %w", e.Action, l.db.Target, err)
	}
	return &Operation{l, r}, nil
}

// About names what the action turned out to be about, for its outcome: what it
// made has a name only now.
func (o *Operation) About(target string) { o.intent.Target = target }

// End records how the action ended, nil for well, and detail in the place of the
// intent's. The error's reason is recorded and not its text, which belongs to
// other systems.
func (o *Operation) End(ctx context.Context, failure error, detail string) error {
	r := Record{Phase: Outcome, Intent: o.intent.Seq, Entry: o.intent.Entry, Outcome: fault.Of(failure).String()}
	r.Detail = detail
	if _, err := o.log.append(ctx, r); err != nil {
		return fmt.Errorf("record the outcome of %s, which was %s, in the audit log of %s: %w", r.Action, r.Outcome, o.log.db.Target, err)
	}
	return nil
}

func (l *Log) append(ctx context.Context, r Record) (Record, error) {
	r.fit()
	r.Time = productdb.Cut(l.now())
	err := l.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		e, err := l.hold(ctx, tx, AdminChain)
		if err != nil {
			return err
		}
		return l.add(ctx, tx, &e, &r)
	})
	return r, err
}

// add puts a record behind e, which it moves, in a transaction that holds the chain.
func (l *Log) add(ctx context.Context, tx *sql.Tx, e *end, r *Record) (err error) {
	r.Seq = e.seq + 1
	if r.Hash, err = r.sum(e.hash); err != nil {
		return err
	}
	args := []any{r.Seq, l.db.Dialect.Time(r.Time), string(r.Phase), r.Intent}
	for _, s := range r.texts() {
		args = append(args, *s)
	}
	if _, err := tx.ExecContext(ctx, l.db.Dialect.SQL("INSERT INTO IM_AdminAudit ("+columns+") "+
		"VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13)"), append(args, r.Hash)...); err != nil {
		return err
	}
	*e = end{r.Seq, r.Hash}
	return l.move(ctx, tx, AdminChain, *e)
}

const (
	// textColumns in the order of [Record.texts].
	textColumns = "actor, role, address, action, target, outcome, correlation, detail"
	columns     = "seq, at, phase, intent, " + textColumns + ", hash"
)

// pageSize is how many records are read at a time.
const pageSize = 500

// Records calls yield for each record after the one numbered after, in order, until
// it returns an error, which Records returns.
func (l *Log) Records(ctx context.Context, after int64, yield func(Record) error) error {
	for {
		page, err := l.page(ctx, after)
		if err != nil {
			return fmt.Errorf("read the audit log of %s: %w", l.db.Target, err)
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return err
			}
			after = r.Seq
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

func (l *Log) page(ctx context.Context, after int64) ([]Record, error) {
	return l.read(ctx, "SELECT "+columns+" FROM IM_AdminAudit WHERE seq > @p1 ORDER BY seq"+l.db.Dialect.Limit("@p2"), after, pageSize)
}

func (l *Log) read(ctx context.Context, query string, args ...any) (list []Record, err error) {
	rows, err := l.db.Read.QueryContext(ctx, l.db.Dialect.SQL(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Record
		var at productdb.Time
		dest := []any{&r.Seq, &at, &r.Phase, &r.Intent}
		for _, s := range r.texts() {
			dest = append(dest, s)
		}
		if err := rows.Scan(append(dest, &r.Hash)...); err != nil {
			return nil, err
		}
		r.Time = at.Time
		list = append(list, r)
	}
	return list, rows.Err()
}

// Head returns the number and the hash of the newest record; 0 and zeros when there
// is none.
func (l *Log) Head(ctx context.Context) (seq int64, hash string, err error) {
	e, err := l.head(ctx, AdminChain)
	return e.seq, e.hash, err
}

func (l *Log) head(ctx context.Context, chain string) (e end, err error) {
	err = l.db.Read.QueryRowContext(ctx, l.db.Dialect.SQL("SELECT seq, hash FROM IM_AuditHeads WHERE chain = @p1"), chain).Scan(&e.seq, &e.hash)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return end{0, start}, nil
	case err != nil:
		err = fmt.Errorf("read the head of the audit log of %s: %w", l.db.Target, err)
	}
	return e, err
}
