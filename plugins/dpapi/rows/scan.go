package rows

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// metadataColumns come first in every SELECT that a scanner reads; a blob may
// follow.
const metadataColumns = "name, ref, protector, key_id, host_id, host_name, version, created, updated, expires, tags"

// listedColumns leave out what no listing shows.
const listedColumns = "name, ref, protector, key_id, host_id, NULL, version, created, updated, expires, tags"

// scanner reads rows as the driver has them: a listing reads many columns, and
// each one that database/sql converts is copied once more.
type scanner struct {
	rows    *sql.Rows
	columns [12]any
	into    []any
}

func newScanner(rows *sql.Rows) *scanner {
	s := &scanner{rows: rows}
	for i := range s.columns {
		s.into = append(s.into, &s.columns[i])
	}
	if names, err := rows.Columns(); err == nil { // an error comes back from Scan
		s.into = s.into[:min(len(names), len(s.columns))]
	}
	return s
}

// row returns the current row, and how large it is without its blob.
func (s *scanner) row() (row Row, bytes int, err error) {
	clear(s.columns[:])
	if err := s.rows.Scan(s.into...); err != nil {
		return Row{}, 0, fmt.Errorf("read a row of IM_Secrets: %w", err)
	}
	var d decoder
	row = Row{Name: d.text(s.columns[0]), Ref: secret.Ref(d.text(s.columns[1]))}
	row.Sealed.Kind, row.Sealed.KeyID = d.text(s.columns[2]), d.text(s.columns[3])
	row.Sealed.HostID, row.Sealed.HostName = d.text(s.columns[4]), d.text(s.columns[5])
	row.Number = d.number(s.columns[6])
	row.Created, row.Updated, row.Expires = d.time(s.columns[7]), d.time(s.columns[8]), d.time(s.columns[9])
	tags := d.text(s.columns[10])
	row.Blob = d.blob(s.columns[11])
	if row.Legacy() {
		row.Ref = secret.Ref(row.Name)
	}
	if row.Tags = simpleTags(tags); row.Tags == nil && tags != "" {
		d.note(json.Unmarshal([]byte(tags), &row.Tags))
	}
	if d.err != nil {
		return Row{}, 0, fmt.Errorf("row %s of IM_Secrets: %w", row.Name, d.err)
	}
	return row, len(row.Name) + len(row.Ref) + len(tags), nil
}

// decoder turns what drivers return into our types and keeps the first error.
type decoder struct{ err error }

func (d *decoder) note(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) text(v any) string {
	switch v := v.(type) {
	case nil:
	case string:
		return v
	case []byte: // a column of another type than ours, in a table that we did not make
		return string(v)
	default:
		d.note(fmt.Errorf("a text is stored as %T", v))
	}
	return ""
}

func (d *decoder) number(v any) int64 {
	n, ok := v.(int64)
	if !ok {
		d.note(fmt.Errorf("its version is stored as %T", v))
	}
	return n
}

func (d *decoder) time(v any) time.Time {
	var t productdb.Time
	d.note(t.Scan(v))
	return t.Time
}

func (d *decoder) blob(v any) []byte {
	switch v := v.(type) {
	case nil:
	case []byte:
		return v
	case string:
		return []byte(v)
	default:
		d.note(errors.New("its value is not stored as bytes"))
	}
	return nil
}

// simpleTags reads an object of plain texts as our encoder writes it, for a third
// of what the decoder takes, and returns nil for anything else.
func simpleTags(text string) map[string]string {
	inner, begun := strings.CutPrefix(text, `{"`)
	inner, ended := strings.CutSuffix(inner, `"}`)
	if !begun || !ended || strings.ContainsFunc(inner, notPlain) {
		return nil
	}
	// Without escapes each quote is a delimiter, so the texts stand between them.
	parts := strings.Split(inner, `"`)
	tags := make(map[string]string, len(parts)/4+1)
	for i := 0; i < len(parts); i += 4 {
		if i+3 > len(parts) || parts[i+1] != ":" || i+3 < len(parts) && parts[i+3] != "," {
			return nil
		}
		tags[parts[i]] = parts[i+2]
	}
	return tags
}

// notPlain reports what stands for something else, or must not stand, in a text of
// JSON.
func notPlain(r rune) bool { return r == '\\' || r < ' ' || r == utf8.RuneError }
