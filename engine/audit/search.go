package audit

import (
	"context"
	"fmt"
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
	// Before leaves out the record of that number and those after it.
	Before int64
}

// Search returns the records that f chooses, the newest first, at most limit of
// them.
func (l *Log) Search(ctx context.Context, f Filter, limit int) ([]Record, error) {
	var where []string
	var args []any
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("@p%d", len(args)), 1)
		}
		where = append(where, condition)
	}
	for _, equal := range []struct{ column, text string }{{"actor", f.Actor}, {"action", f.Action}, {"outcome", f.Outcome}} {
		if equal.text != "" {
			add(equal.column+" = ?", equal.text)
		}
	}
	if f.TargetPrefix != "" {
		add("SUBSTRING(target, 1, ?) = ?", l.characters(f.TargetPrefix), f.TargetPrefix)
	}
	if !f.From.IsZero() {
		add("at >= ?", l.db.Dialect.Time(f.From))
	}
	if !f.To.IsZero() {
		add("at < ?", l.db.Dialect.Time(f.To))
	}
	if f.Before > 0 {
		add("seq < ?", f.Before)
	}
	query := "SELECT " + columns + " FROM IM_AdminAudit "
	if len(where) > 0 {
		query += "WHERE " + strings.Join(where, " AND ") + " "
	}
	args = append(args, limit)
	list, err := l.read(ctx, query+"ORDER BY seq DESC"+l.db.Dialect.Limit(fmt.Sprintf("@p%d", len(args))), args...)
	if err != nil {
		return nil, fmt.Errorf("search the audit log of %s: %w", l.db.Target, err)
	}
	return list, nil
}

// characters returns how long s is for SUBSTRING: SQLite counts code points, SQL
// Server the units of UTF-16.
func (l *Log) characters(s string) int {
	if l.db.Dialect == productdb.SQLServer {
		return len(utf16.Encode([]rune(s)))
	}
	return utf8.RuneCountInString(s)
}
