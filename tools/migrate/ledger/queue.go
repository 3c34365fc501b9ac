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
	for first := range l.queue {
		batch := []request{first}
	collect:
		for len(batch) < maxBatch {
			select {
			case r, open := <-l.queue:
				if !open {
					break collect
				}
				batch = append(batch, r)
			default:
				break collect
			}
		}
		l.commit(batch)
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
		b := &batch{tx: tx, now: now, at: productdb.SQLite.Time(now), who: l.config.Who, host: l.config.Host}
		if err := tx.QueryRow("SELECT seq, hash FROM head").Scan(&b.seq, &b.hash); err != nil {
			return err
		}
		for i, r := range requests {
			refused[i] = r.do(b)
			if broken := (*brokenError)(nil); errors.As(refused[i], &broken) {
				return broken.err
			}
		}
		_, err := tx.Exec("UPDATE head SET seq = ?, hash = ?", b.seq, b.hash)
		return err
	})
	for i, r := range requests {
		if err != nil {
			r.reply <- fmt.Errorf("write to the ledger %s: %w", l.path, err)
			continue
		}
		r.reply <- refused[i]
	}
}
