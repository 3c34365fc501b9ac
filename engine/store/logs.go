package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Level is how much a line of a run's log matters.
type Level string

// The levels.
const (
	Info    Level = "Info"
	Warning Level = "Warning"
	Error   Level = "Error"
)

// Log is a line of a run's log, mostly an entry that was rejected.
type Log struct {
	// ID ascends; it is the cursor of listings.
	ID                 int64
	RunID, ConnectorID string
	Logged             time.Time
	Level              Level
	// Entry and Anchor name the entry, where it is about one.
	Entry, Anchor string
	Message       string
}

// maxRejectedLogged bounds the lines of one run. All rejections are counted.
const maxRejectedLogged = 1000

// logRejected writes the page's rejections and returns how many lines it wrote.
func (i *Import) logRejected(ctx context.Context, tx *sql.Tx) (lines int, err error) {
	for _, r := range i.page.rejected {
		switch n := i.logged + lines; {
		case n > maxRejectedLogged:
			return lines, nil
		case n == maxRejectedLogged:
			err = i.store.log(ctx, tx, i.cfg, Warning, "", "",
				fmt.Sprintf("only the first %d rejected entries are listed; the run counts all of them", maxRejectedLogged))
		default:
			err = i.store.log(ctx, tx, i.cfg, Error, r.Entry, r.Anchor, r.Reason)
		}
		if err != nil {
			return 0, err
		}
		lines++
	}
	return lines, nil
}

func (s *Store) log(ctx context.Context, tx *sql.Tx, of ImportConfig, level Level, entry, anchor, message string) error {
	_, err := s.exec(ctx, tx, "insert log", `INSERT INTO IM_ConnectorLogs (run_id, connector_id, logged, level, entry, anchor, message)
		VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7)`, of.RunID, of.Lease.ConnectorID, s.now(), string(level),
		clip(entry, maxLogBytes), clip(anchor, maxLogBytes), clip(message, maxLogBytes))
	return err
}

// Note adds a line of the run itself to its log.
func (s *Store) Note(ctx context.Context, of ImportConfig, level Level, message string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error { return s.log(ctx, tx, of, level, "", "", message) })
}

var byLogID = sorting[Log]{"l.id", number, func(l *Log) string { return numberKey(l.ID) }}

var logList = listing[Log]{
	name: "list logs",
	from: "SELECT l.id, l.run_id, l.connector_id, l.logged, l.level, l.entry, l.anchor, l.message FROM IM_ConnectorLogs l",
	scan: func(rows *sql.Rows) (l Log, err error) {
		err = rows.Scan(&l.ID, &l.RunID, &l.ConnectorID, &productTime{&l.Logged}, (*string)(&l.Level), &l.Entry, &l.Anchor, &l.Message)
		return l, err
	},
	by:  map[string]sorting[Log]{"logged": byLogID},
	own: "logged", distinct: byLogID,
}

// PageLogs returns a page of the lines of a run, by when they were logged; of one
// level, unless that is empty.
func (s *Store) PageLogs(ctx context.Context, runID string, level Level, p Paging) ([]Log, *Mark, error) {
	return readPage(ctx, s, logList, logsWhere(runID, level), p)
}

func logsWhere(runID string, level Level) (w where) {
	w.equal("l.run_id", runID)
	w.equal("l.level", string(level))
	return w
}

// ListLogs returns at most limit lines of a run in their order, those with ids
// above after.
func (s *Store) ListLogs(ctx context.Context, runID string, after int64, limit int) ([]Log, error) {
	list, _, err := s.PageLogs(ctx, runID, "", Paging{Limit: limit, After: &Mark{ID: numberKey(after), Key: numberKey(after)}})
	return list, err
}
