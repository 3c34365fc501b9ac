package sqlconn

import (
	"fmt"
	"time"
)

// Lex returns where the parameter stands in a query.
func Lex(driver, query string) ([]int, error) { return dialects[driver].grammar.lex(query) }

// Bind returns the query for the driver and the arguments that stand for value.
func Bind(driver, deltaType, query string, value any) (string, []any, error) {
	d := dialects[driver]
	q, err := parseQuery(query, d, deltaTypeOf(deltaType))
	return q.text, q.args(d, value), err
}

func deltaTypeOf(s string) deltaType { return deltaType(s) }

// Render returns the text of a value of a column that is not NULL.
func Render(driver, columnType string, value any) (string, error) {
	c := newCell(dialects[driver], "c", columnType)
	err := c.Scan(value)
	return c.text, err
}

// Label returns how errors name the endpoint of a connection string, and what
// the string holds.
func Label(driver, connection string) (label string, user, password bool, err error) {
	e, err := dialects[driver].parse(connection)
	return e.label, e.hasUser, e.hasPassword, err
}

// DeltaArgument returns what a delta compares the delta column with when its
// highest value was value.
func DeltaArgument(driver, deltaType, columnType string, value any, span time.Duration, count int64) (string, error) {
	c := newCell(dialects[driver], "c", columnType)
	c.delta = deltaTypeOf(deltaType)
	if err := c.Scan(value); err != nil {
		return "", err
	}
	cfg := config{dialect: dialects[driver], deltaType: c.delta, overlap: overlap{span: span, count: count}}
	// As the next run sees it.
	cfg.deltaColumn = "c"
	p, err := cfg.since(cfg.watermark(c.point))
	if err != nil {
		return "", err
	}
	arg := cfg.argument(p)
	return fmt.Sprintf("%T %v", arg, arg), nil
}

// Watermark returns the watermark of a read that took elapsed and whose highest
// value was value.
func Watermark(driver string, value time.Time, elapsed time.Duration) string {
	d := dialects[driver]
	cfg := &config{dialect: d, deltaColumn: "c", deltaType: timestamps}
	t := tracker{cfg: cfg, latest: value}
	c := newCell(d, "c", "DATETIME2")
	c.delta = timestamps
	if err := c.Scan(value); err != nil {
		return err.Error()
	}
	if err := t.add(&c); err != nil {
		return err.Error()
	}
	return string(t.watermark(elapsed))
}
