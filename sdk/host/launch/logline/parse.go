package logline

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"sort"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Limits on one structured line.
const (
	maxFields     = 40
	maxFieldBytes = 2 << 10
)

type record struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

var errUnstructured = errors.New("not a structured log line")

// parse reads a line as slog's JSON handler writes it: an object with a text
// "msg" and a known "level". Every field is checked for its type; one that is
// odd is passed on as text, never trusted.
func parse(line string) (record, error) {
	if line == "" || line[0] != '{' || !utf8.ValidString(line) {
		return record{}, errUnstructured
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &fields) != nil {
		return record{}, errUnstructured
	}
	var r record
	var level string
	if json.Unmarshal(fields["msg"], &r.message) != nil || json.Unmarshal(fields["level"], &level) != nil {
		return record{}, errUnstructured
	}
	if r.level.UnmarshalText([]byte(level)) != nil {
		return record{}, errUnstructured
	}
	r.level = min(max(r.level, slog.LevelDebug), slog.LevelError)
	keys := make([]string, 0, len(fields))
	for k := range fields {
		switch k {
		case "msg", "level", "time":
		case telemetry.KeyPlugin: // only the host says whose line it is
		default:
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	if len(keys) > maxFields {
		keys = keys[:maxFields]
	}
	for _, k := range keys {
		r.attrs = append(r.attrs, attr(k, fields[k]))
	}
	return r, nil
}

// attr keeps texts and simple values as they are and anything else as its JSON.
func attr(key string, raw json.RawMessage) slog.Attr {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return slog.String(key, "(unreadable)")
	}
	switch v := value.(type) {
	case string:
		return slog.String(key, cut(v))
	case bool, float64, nil:
		return slog.Any(key, v)
	}
	return slog.String(key, cut(string(raw)))
}

func cut(s string) string {
	if len(s) <= maxFieldBytes {
		return s
	}
	n := maxFieldBytes
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func trim(line []byte) []byte   { return bytes.TrimRight(line, "\r\n") }
func indexNewline(p []byte) int { return bytes.IndexByte(p, '\n') }
