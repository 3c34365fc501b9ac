package ldap

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// jsonObject reads a JSON object key by key and collects every problem, where
// encoding/json alone would stop at the first. A null counts as absent.
type jsonObject struct {
	path   string
	fields map[string]json.RawMessage
	known  []string
	diags  *diag.List
}

func newJSONObject(raw json.RawMessage, path string, diags *diag.List) *jsonObject {
	o := &jsonObject{path: path, diags: diags}
	dec := json.NewDecoder(bytes.NewReader(raw))
	err := dec.Decode(&o.fields)
	if err == nil {
		if _, trailing := dec.Token(); !errors.Is(trailing, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil || o.fields == nil {
		// The decoder's text may quote the input, which can hold a mistyped password.
		diags.Errorf(path, "expected a JSON object")
		o.fields = nil
	}
	return o
}

// raw returns the value at key and whether there is one.
func (o *jsonObject) raw(key string) (json.RawMessage, bool) {
	o.known = append(o.known, key)
	v, ok := o.fields[key]
	return v, ok && string(v) != "null"
}

func (o *jsonObject) errorf(key, format string, args ...any) {
	o.diags.Errorf(diag.Join(o.path, key), format, args...)
}

func (o *jsonObject) object(key string) *jsonObject {
	v, ok := o.raw(key)
	if !ok {
		v = json.RawMessage("{}")
	}
	return newJSONObject(v, diag.Join(o.path, key), o.diags)
}

func decode[T any](o *jsonObject, key string, fallback T, expected string) T {
	v, ok := o.raw(key)
	if !ok {
		return fallback
	}
	var out T
	if err := json.Unmarshal(v, &out); err != nil {
		o.errorf(key, "expected %s", expected)
		return fallback
	}
	return out
}

func (o *jsonObject) text(key, fallback string) string {
	return strings.TrimSpace(decode(o, key, fallback, "a text in quotes"))
}

func (o *jsonObject) boolean(key string) bool {
	return decode(o, key, false, "true or false")
}

func (o *jsonObject) list(key string) []string {
	return decode[[]string](o, key, nil, "a list of texts")
}

func (o *jsonObject) integer(key string, fallback, low, high int) int {
	n := decode(o, key, fallback, "a whole number")
	if n < low || n > high {
		o.errorf(key, "expected a number from %d to %d, found %d", low, high, n)
		return fallback
	}
	return n
}

func (o *jsonObject) duration(key string, fallback, low, high time.Duration) time.Duration {
	text := o.text(key, fallback.String())
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		o.errorf(key, `expected a duration such as "90s" or "5m", found %q`, text)
	case d < low || d > high:
		o.errorf(key, "expected a duration from %s to %s, found %s", low, high, d)
	default:
		return d
	}
	return fallback
}

// finish reports the keys that nobody asked for.
func (o *jsonObject) finish() {
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		if slices.Contains(o.known, key) {
			continue
		}
		i := slices.IndexFunc(o.known, func(k string) bool { return strings.EqualFold(k, key) })
		if i >= 0 {
			o.errorf(key, "unknown key; did you mean %s?", o.known[i])
		} else {
			o.errorf(key, "unknown key; expected one of %s", strings.Join(o.known, ", "))
		}
	}
}
