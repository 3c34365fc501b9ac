package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// request asks the writer to do something in its next transaction.
type request struct {
	do    func(*batch) error
	reply chan error
}

const (
	// maxBatch bounds how many requests share a transaction.
	maxBatch = 256
	// linger is how long a transaction waits for a crowd.
	linger = 10 * time.Millisecond
	// writeLimit bounds a transaction.
	writeLimit = time.Minute
)

// submit has the writer do something and returns when it is on disk. Callers that
// come together share a transaction, because waiting for the disk is all it costs.
func (l *Ledger) submit(ctx context.Context, do func(*batch) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := request{do, make(chan error, 1)}
	l.queue <- r
	return <-r.reply
}

// write serves requests until the queue is closed.
func (l *Ledger) write() {
	defer close(l.done)
	for crowd := false; ; {
		first, open := <-l.queue
		if !open {
			return
		}
		batch := l.collect(first, crowd)
		l.commit(batch)
		crowd = len(batch) > 1
	}
}

// collect takes the requests that share a transaction with first. Where callers come in a
// crowd it waits a little for more of them: the disk that it spares is often that of the
// store which they wait for.
func (l *Ledger) collect(first request, crowd bool) []request {
	batch := []request{first}
	var late <-chan time.Time
	if crowd {
		timer := time.NewTimer(linger)
		defer timer.Stop()
		late = timer.C
	}
	for len(batch) < maxBatch {
		r, more := l.another(late)
		if !more {
			break
		}
		batch = append(batch, r)
	}
	return batch
}

// another returns the next request, if there is one before it is late; nil does not wait.
func (l *Ledger) another(late <-chan time.Time) (request, bool) {
	select {
	case r, open := <-l.queue:
		return r, open
	default:
	}
	if late == nil {
		return request{}, false
	}
	select {
	case r, open := <-l.queue:
		return r, open
	case <-late:
		return request{}, false
	}
}

// commit does the requests in one transaction. One that is refused changed nothing,
// and does not disturb the others; when the file fails, all of them failed.
func (l *Ledger) commit(requests []request) {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	refused := make([]error, len(requests))
	err := l.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		now := productdb.Cut(l.config.Now())
		b := &batch{tx: tx, ready: l.ready, now: now, at: productdb.SQLite.Time(now), who: l.config.Who, host: l.config.Host}
		if err := b.row(selectHead).Scan(&b.seq, &b.hash); err != nil {
			return err
		}
		for i, r := range requests {
			refused[i] = r.do(b)
			if broken := (*brokenError)(nil); errors.As(refused[i], &broken) {
				return broken.err
			}
		}
		return b.exec(updateHead, b.seq, b.hash)
	})
	for i, r := range requests {
		if err != nil {
			r.reply <- fmt.Errorf("write to the ledger %s: %w", l.path, err)
			continue
		}
		r.reply <- refused[i]
	}
}

// The statements of every step. They are parsed once: parsing them is half the work.
const (
	selectHead  = "SELECT seq, hash FROM head"
	updateHead  = "UPDATE head SET seq = ?, hash = ?"
	selectState = "SELECT state, open FROM refs WHERE ref = ?"
	updateOpen  = "UPDATE refs SET open = ?, changed = ? WHERE ref = ?"
	insertEvent = "INSERT INTO events (" + eventColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	updateRef   = `UPDATE refs SET state = ?, open = 0, changed = ?, reason = ?, next = ?, reads = reads + ?,
		last_read = COALESCE(?, last_read),
		source_version = CASE WHEN ? = '' THEN source_version ELSE ? END,
		target_version = CASE WHEN ? = '' THEN target_version ELSE ? END,
		written = CASE WHEN ? THEN ? ELSE written END WHERE ref = ?`
)

// prepare parses them.
func (l *Ledger) prepare(ctx context.Context) error {
	l.ready = map[string]*sql.Stmt{}
	for _, query := range []string{selectHead, updateHead, selectState, updateOpen, insertEvent, updateRef} {
		parsed, err := l.db.Write.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		l.ready[query] = parsed
	}
	return nil
}
