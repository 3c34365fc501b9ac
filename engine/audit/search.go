package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Filter chooses records. What is empty or zero chooses all.
type Filter struct {
	Actor, Action, Outcome string
	// TargetPrefix is what the target begins with.
	TargetPrefix string
	// From is the earliest time, To the first that is too late.
	From, To time.Time
	// OldestFirst turns the order round, which is else the newest first.
	OldestFirst bool
	// After leaves out the record of that number and those that come before it in the
	// order of the search.
	After int64
}

// likely is how many of the first records a search for targets looks at before it
// takes the index of targets, whose order is not that of time.
const likely = 5000

// order is that of searches, and of their indexes.
func (f Filter) order() string {
	if f.OldestFirst {
		return " ORDER BY at, seq"
	}
	return " ORDER BY at DESC, seq DESC"
}

// Search returns the records that f chooses, the newest first unless f says
// otherwise, at most limit of them.
func (l *Log) Search(ctx context.Context, f Filter, limit int) ([]Record, error) {
	list, err := l.search(ctx, f, limit)
	if err != nil {
		return nil, fmt.Errorf("search the audit log of %s: %w", l.db.Target, err)
	}
	return list, nil
}

func (l *Log) search(ctx context.Context, f Filter, limit int) ([]Record, error) {
	q, err := l.conditions(ctx, f)
	if err != nil {
		return nil, err
	}
	if f.TargetPrefix == "" {
		query := "SELECT " + columns + " FROM IM_AdminAudit" + q.where()
		return l.read(ctx, query+f.order()+l.db.Dialect.Limit(q.parameter(limit)), q.args...)
	}
	// A beginning that many targets have is soon found among the first in the order of
	// time; to sort all of them by time would take long.
	near := q.clone()
	first := "SELECT " + columns + " FROM IM_AdminAudit" + near.where() + f.order() + l.db.Dialect.Limit(near.parameter(likely))
	near.conditions = nil
	l.addPrefix(&near, f.TargetPrefix)
	list, err := l.read(ctx, "SELECT "+columns+" FROM ("+first+") AS first_records"+near.where()+f.order()+l.db.Dialect.Limit(near.parameter(limit)), near.args...)
	if err != nil || len(list) == limit {
		return list, err
	}
	return l.read(ctx, l.byTarget(&q, f, limit), q.args...)
}

// byTarget returns the statement that finds through the index of targets.
func (l *Log) byTarget(q *query, f Filter, limit int) string {
	prefix := f.TargetPrefix
	l.addPrefix(q, prefix)
	q.add(l.key("target")+" >= ?", clipKey(prefix))
	q.add(l.key("target")+" <= ?", clipKey(prefix)+l.beyond())
	// Without statistics, SQLite would rather take the equality of an action that
	// half of the records have.
	by := ""
	if l.db.Dialect == productdb.SQLite {
		by = " INDEXED BY IX_IM_AdminAudit_Target"
	}
	// First the numbers alone: the index has what is sorted by.
	found := "SELECT seq FROM IM_AdminAudit" + by + q.where() + f.order() + l.db.Dialect.Limit(q.parameter(limit))
	return "SELECT " + columns + " FROM IM_AdminAudit WHERE seq IN (" + found + ")" + f.order()
}

// conditions makes those of all of f but the target.
func (l *Log) conditions(ctx context.Context, f Filter) (q query, err error) {
	for _, equal := range []struct{ column, text string }{{"actor", f.Actor}, {"action", f.Action}, {"outcome", f.Outcome}} {
		if equal.text == "" {
			continue
		}
		if key := l.key(equal.column); key != equal.column {
			q.add(key+" = LEFT(?, 400)", equal.text)
		}
		q.add(equal.column+" = ?", equal.text)
	}
	if !f.From.IsZero() {
		q.add("at >= ?", l.db.Dialect.Time(f.From))
	}
	if !f.To.IsZero() {
		q.add("at < ?", l.db.Dialect.Time(f.To))
	}
	if f.After <= 0 {
		return q, nil
	}
	beyond := "<"
	if f.OldestFirst {
		beyond = ">"
	}
	// Where the page before ended in time, because that is the order.
	last, err := l.read(ctx, "SELECT "+columns+" FROM IM_AdminAudit WHERE seq = @p1", f.After)
	if err == nil && len(last) > 0 {
		at := l.db.Dialect.Time(last[0].Time)
		q.add("at "+beyond+"= ?", at)
		q.add("(at "+beyond+" ? OR seq "+beyond+" ?)", at, f.After)
	} else {
		q.add("seq "+beyond+" ?", f.After)
	}
	return q, err
}

// addPrefix adds the condition that decides; others only help to find.
func (l *Log) addPrefix(q *query, prefix string) {
	q.add("SUBSTRING(target, 1, ?) = ?", l.characters(prefix), prefix)
}

// key is the column that has an index: on SQL Server the beginning of the text.
func (l *Log) key(column string) string {
	if l.db.Dialect == productdb.SQLServer {
		return column + "_key"
	}
	return column
}

// clipKey returns what of a text is surely in its key, which is of 400 units.
func clipKey(s string) string {
	for n := range s {
		if n > 380 {
			return s[:n]
		}
	}
	return s
}

// beyond sorts behind all that may follow in a text.
func (l *Log) beyond() string {
	if l.db.Dialect == productdb.SQLServer {
		return "\uffff" // by the units of UTF-16
	}
	return "\U0010ffff"
}

// query collects conditions and their arguments.
type query struct {
	conditions []string
	args       []any
}

func (q *query) clone() query {
	return query{slices.Clone(q.conditions), slices.Clone(q.args)}
}

// add adds a condition with a ? for each value.
func (q *query) add(condition string, values ...any) {
	for _, v := range values {
		condition = strings.Replace(condition, "?", q.parameter(v), 1)
	}
	q.conditions = append(q.conditions, condition)
}

func (q *query) parameter(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("@p%d", len(q.args))
}

func (q *query) where() string {
	if len(q.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.conditions, " AND ")
}

// characters returns how long s is for SUBSTRING: SQLite counts code points, SQL
// Server the units of UTF-16.
func (l *Log) characters(s string) int {
	if l.db.Dialect == productdb.SQLServer {
		return len(utf16.Encode([]rune(s)))
	}
	return utf8.RuneCountInString(s)
}
