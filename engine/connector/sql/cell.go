package sqlconn

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// cell receives the values of one column, row by row, as a [sql.Scanner]. That
// spares the copy that database/sql would make of each.
type cell struct {
	dialect    *dialect
	name       string
	columnType string
	// delta is set for the delta column.
	delta deltaType

	null  bool
	text  string
	point point
	// unset is true while point means nothing.
	unset bool
}

func newCell(d *dialect, name, columnType string) cell {
	return cell{dialect: d, name: name, columnType: columnType}
}

// Scan takes the driver's value.
func (c *cell) Scan(value any) error {
	c.null, c.unset, c.text = true, true, ""
	t, isTime := value.(time.Time)
	if value == nil || isTime && t.IsZero() && c.dialect.zeroDates {
		return nil
	}
	if isTime && !c.dialect.ownOffset {
		value = t.UTC()
	}
	c.null = false
	var ok bool
	if c.text, ok = c.dialect.render(c.columnType, value); !ok {
		if c.text, ok = render(c.columnType, value); !ok {
			return fmt.Errorf("column %q has the type %s, whose values cannot be read (%T); cast it to text in the query",
				c.name, c.columnType, value)
		}
	}
	if c.delta == "" {
		return nil
	}
	var err error
	if c.point, err = parsePoint(c.delta, value, c.columnType == "BINARY" || c.columnType == "VARBINARY"); err != nil {
		return fmt.Errorf("deltaColumn %q, which has the type %s: %w", c.name, c.columnType, err)
	}
	c.unset = false
	return nil
}

// render returns the canonical text of a value: the same one for the same value,
// whatever the query was.
func render(columnType string, value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return renderText(v), true
	case []byte:
		return renderText(string(v)), true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float32:
		return renderFloat(float64(v), 32), true
	case float64:
		return renderFloat(v, 64), true
	case time.Time:
		v = v.UTC()
		if columnType == "DATE" && v.Equal(v.Truncate(24*time.Hour)) {
			return v.Format(time.DateOnly), true
		}
		return v.Format(time.RFC3339Nano), true
	}
	return "", false
}

// renderText keeps text as it is; what is not valid UTF-8 is not text.
func renderText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return renderBinary([]byte(s))
}

// renderBinary is for columns that hold bytes. They are never taken for text,
// even when one of them could be, so that a column has one form.
func renderBinary(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// renderFloat returns the shortest text that reads back as the same number, with
// an exponent only outside of 1e-6 to 1e21.
func renderFloat(f float64, bits int) string {
	form := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		form = 'e'
	}
	return strconv.FormatFloat(f, form, -1, bits)
}
