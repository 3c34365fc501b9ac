package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/naming"
)

// trendLength is how many ended runs of a connector its trend shows.
const trendLength = 10

// never is when a connector without a due schedule is next due, and noRun when one
// without a run last ran: columns that are sorted by have no NULL.
var (
	never = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	noRun = time.Unix(0, 0).UTC()
)

// ListedConnector is a connector as a list of them shows it. Its runs are imports;
// tests do not count.
type ListedConnector struct {
	Connector
	// Last is the newest run, also a queued one; its ID is empty when there is none.
	Last RunSummary
	// NextDue is when one of its schedules is next due, zero when none is or the
	// connector is switched off.
	NextDue time.Time
	// Trend is the last runs that ended, at most ten, the oldest first.
	Trend []Ended

	runAt, dueAt time.Time // as sorted by
}

// RunSummary is what a list of connectors shows of a run.
type RunSummary struct {
	ID                        string
	Kind                      Kind
	Status                    Status
	Queued, Started, Finished time.Time
	Counts                    Counts
	// Error is cut to 300 characters.
	Reason, Error string
}

// Ended is how a run ended and how long it took.
type Ended struct {
	Status   Status
	Duration time.Duration
}

// ConnectorFilter selects connectors; its zero fields select all.
type ConnectorFilter struct {
	// Q is a part of the name, in any case.
	Q string
	// Type and Instance are exact, the instance in any case.
	Type, Instance string
	// Status of the last run; [NeverRan] for none.
	Status  Status
	Enabled *bool
}

// NeverRan selects the connectors without a run.
const NeverRan Status = "Never"

func (f ConnectorFilter) where() (w where) {
	w.contains("c.name_key", f.Q)
	w.equal("c.type", f.Type)
	w.equal("c.instance_key", key(f.Instance))
	switch f.Status {
	case "":
	case NeverRan:
		w.add("c.run_status = ''")
	default:
		w.equal("c.run_status", string(f.Status))
	}
	if f.Enabled != nil {
		w.add("c.enabled = ?", *f.Enabled)
	}
	return w
}

var connectorList = listing[ListedConnector]{
	name: "list connectors",
	from: "SELECT " + connectorColumns + `, c.trend, c.run_at, c.next_due, COALESCE(r.id, ''), COALESCE(r.kind, ''), COALESCE(r.status, ''),
		r.queued, r.started, r.finished, COALESCE(r.added, 0), COALESCE(r.updated, 0), COALESCE(r.unchanged, 0), COALESCE(r.absent, 0),
		COALESCE(r.failed, 0), COALESCE(r.reason, ''), COALESCE(SUBSTRING(r.error_text, 1, 300), '')
		FROM IM_Connectors c LEFT JOIN IM_RunHistory r ON r.seq = c.run_seq`,
	scan: scanListedConnector,
	by: map[string]sorting[ListedConnector]{
		"name":    byName,
		"type":    {"c.type", text, func(c *ListedConnector) string { return c.Type }},
		"status":  {"c.run_status", text, func(c *ListedConnector) string { return string(c.Last.Status) }},
		"lastRun": {"c.run_at", moment, func(c *ListedConnector) string { return momentKey(c.runAt) }},
		"nextRun": {"c.next_due", moment, func(c *ListedConnector) string { return momentKey(c.dueAt) }},
	},
	own: "name", distinct: byName,
}

var byName = sorting[ListedConnector]{"c.name_key", text, func(c *ListedConnector) string { return key(c.Name) }}

func scanListedConnector(rows *sql.Rows) (c ListedConnector, err error) {
	var trend string
	r := &c.Last
	err = rows.Scan(append(c.Connector.targets(), &trend, &productTime{&c.runAt}, &productTime{&c.dueAt}, &r.ID, (*string)(&r.Kind),
		(*string)(&r.Status), &productTime{&r.Queued}, &productTime{&r.Started}, &productTime{&r.Finished}, &r.Counts.Added,
		&r.Counts.Updated, &r.Counts.Unchanged, &r.Counts.Absent, &r.Counts.Failed, &r.Reason, &r.Error)...)
	if err != nil {
		return c, err
	}
	if c.dueAt.Before(never) {
		c.NextDue = c.dueAt
	}
	c.Trend, err = parseTrend(trend)
	return c, err
}

// PageConnectors returns a page of connectors, by name (the list's own order),
// type, status, lastRun or nextRun. It costs one statement.
func (s *Store) PageConnectors(ctx context.Context, f ConnectorFilter, p Paging) ([]ListedConnector, *Mark, error) {
	return readPage(ctx, s, connectorList, f.where(), p)
}

// ListedConnector returns one connector as the list shows it. [ErrNotFound].
func (s *Store) ListedConnector(ctx context.Context, id string) (ListedConnector, error) {
	var w where
	w.add("c.id = ?", id)
	list, _, err := readPage(ctx, s, connectorList, w, Paging{Limit: 1})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return ListedConnector{}, err
	}
	return list[0], nil
}

// CountConnectors returns how many connectors a filter selects, which takes a look
// at each.
func (s *Store) CountConnectors(ctx context.Context, f ConnectorFilter) (n int64, err error) {
	w := f.where()
	err = s.row(ctx, s.db.Read, "count connectors", "SELECT COUNT(*) FROM IM_Connectors c"+w.clause(), w.args, []any{&n})
	return n, err
}

// showRuns writes what lists show of a connector's runs. Whatever changes the
// status of one calls it in its own transaction.
func (s *Store) showRuns(ctx context.Context, tx *sql.Tx, connectorID string) error {
	last, status, at := int64(0), Status(""), noRun
	var trend []string
	err := s.query(ctx, tx, "read latest runs", func(rows *sql.Rows) error {
		var seq int64
		var is Status
		var queued, started, finished time.Time
		if err := rows.Scan(&seq, (*string)(&is), &productTime{&queued}, &productTime{&started}, &productTime{&finished}); err != nil {
			return err
		}
		if last == 0 {
			last, status, at = seq, is, queued
			if !started.IsZero() {
				at = started
			}
		}
		if !finished.IsZero() && len(trend) < trendLength {
			took := time.Duration(0)
			if !started.IsZero() {
				took = max(0, finished.Sub(started))
			}
			trend = append(trend, fmt.Sprintf("%s %d", is, took.Milliseconds()))
		}
		return nil
		// Three may not have ended: one runs, and one of each kind of import is queued.
	}, "SELECT r.seq, r.status, r.queued, r.started, r.finished FROM IM_RunHistory r WHERE r.connector_id = @p1 AND r.kind <> @p2 ORDER BY r.seq DESC"+
		s.db.Dialect.Limit("@p3"), connectorID, string(Test), trendLength+3)
	if err != nil {
		return err
	}
	slices.Reverse(trend)
	_, err = s.exec(ctx, tx, "show runs", "UPDATE IM_Connectors SET run_seq = @p1, run_status = @p2, run_at = @p3, trend = @p4 WHERE id = @p5",
		last, string(status), at, strings.Join(trend, ","), connectorID)
	return err
}

// showRun is showRuns for the connector of a run.
func (s *Store) showRun(ctx context.Context, tx *sql.Tx, runID string) error {
	var connectorID string
	err := s.row(ctx, tx, "connector of run", "SELECT connector_id FROM IM_RunHistory WHERE id = @p1", []any{runID}, []any{&connectorID})
	if err != nil {
		return err
	}
	return s.showRuns(ctx, tx, connectorID)
}

func parseTrend(list string) (trend []Ended, err error) {
	if list == "" {
		return nil, nil
	}
	trend = make([]Ended, 0, trendLength)
	for one := range strings.SplitSeq(list, ",") {
		status, took, _ := strings.Cut(one, " ")
		ms, err := strconv.ParseInt(took, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the trend %q of a connector: %w", list, err)
		}
		trend = append(trend, Ended{Status: Status(status), Duration: time.Duration(ms) * time.Millisecond})
	}
	return trend, nil
}

// showDue writes when a connector is next due. Whatever changes its schedules or
// switches it on or off calls it in its own transaction.
func (s *Store) showDue(ctx context.Context, tx *sql.Tx, connectorID string) error {
	_, err := s.exec(ctx, tx, "show next run", `UPDATE IM_Connectors SET next_due = CASE WHEN enabled = 0 THEN @p1 ELSE COALESCE((SELECT MIN(s.next_due)
		FROM IM_Schedules s WHERE s.connector_id = @p2 AND s.enabled = 1), @p1) END WHERE id = @p2`, never, connectorID)
	return err
}

// keepRefs writes which refs a connector uses.
func (s *Store) keepRefs(ctx context.Context, tx *sql.Tx, connectorID string, refs []string) error {
	list := sql.NullString{}
	if refs != nil {
		text, err := json.Marshal(refs)
		if err != nil {
			return err
		}
		list = sql.NullString{String: string(text), Valid: true}
	}
	if _, err := s.exec(ctx, tx, "write refs", "UPDATE IM_Connectors SET refs = @p1 WHERE id = @p2", list, connectorID); err != nil {
		return err
	}
	if _, err := s.exec(ctx, tx, "delete refs", "DELETE FROM IM_ConnectorRefs WHERE connector_id = @p1", connectorID); err != nil {
		return err
	}
	for n, ref := range refs {
		if slices.Contains(refs[:n], ref) {
			continue
		}
		if _, err := s.exec(ctx, tx, "insert ref", "INSERT INTO IM_ConnectorRefs (connector_id, name, ref) VALUES (@p1, @p2, @p3)",
			connectorID, naming.Name(ref), ref); err != nil {
			return err
		}
	}
	return nil
}

// refsColumn scans the JSON array of a connector's refs.
type refsColumn []string

// Scan implements [sql.Scanner].
func (c *refsColumn) Scan(src any) error {
	*c = nil
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), (*[]string)(c))
	case []byte:
		return json.Unmarshal(v, (*[]string)(c))
	}
	return fmt.Errorf("refs cannot be read from a %T", src)
}

// showBatch is how many connectors one transaction of [Store.ShowConnectors] takes.
const showBatch = 200

// ShowConnectors makes up for connectors that were written by somebody who does
// not know which refs their configurations use, such as an older version: refsOf
// says so. The Admin API calls it when it starts.
func (s *Store) ShowConnectors(ctx context.Context, refsOf func(Connector) []string) error {
	for after := ""; ; {
		var list []Connector
		err := s.query(ctx, s.db.Read, "find connectors without refs", func(rows *sql.Rows) error {
			var c Connector
			err := rows.Scan(c.targets()...)
			list = append(list, c)
			return err
		}, "SELECT "+connectorColumns+" FROM IM_Connectors c WHERE c.refs IS NULL AND c.id > @p1 ORDER BY c.id"+s.db.Dialect.Limit("@p2"), after, showBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
			for _, c := range list {
				// It may have been changed or deleted since it was read.
				now, err := s.connector(ctx, tx, c.ID)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err == nil {
					err = s.keepRefs(ctx, tx, c.ID, refsOf(now))
				}
				if err == nil {
					err = s.showRuns(ctx, tx, c.ID)
				}
				if err == nil {
					err = s.showDue(ctx, tx, c.ID)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
