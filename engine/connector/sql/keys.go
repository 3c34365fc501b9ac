package sqlconn

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

// keys takes the values out of a JSON object one by one, collects what is wrong
// with them, and knows in the end which keys nobody asked for.
type keys struct {
	values   map[string]json.RawMessage
	asked    []string
	problems diag.List
}

func newKeys(config json.RawMessage) *keys {
	k := &keys{}
	decoder := json.NewDecoder(bytes.NewReader(config))
	err := decoder.Decode(&k.values)
	switch {
	case errors.Is(err, io.EOF), err == nil && k.values == nil:
		k.problems.Errorf("", "the configuration is empty; a JSON object is expected")
	case err != nil:
		// The decoder's text may quote a part of the input.
		k.problems.Errorf("", "the configuration is not a JSON object")
	case decoder.Decode(new(json.RawMessage)) != io.EOF:
		k.problems.Errorf("", "something follows the JSON object of the configuration")
	}
	return k
}

// value stores the value at key into target, which holds the default, and
// reports whether the key is there and has the type that want describes.
func (k *keys) value(key, want string, target any) bool {
	k.asked = append(k.asked, key)
	raw, ok := k.values[key]
	if !ok {
		return false
	}
	if string(bytes.TrimSpace(raw)) == "null" || json.Unmarshal(raw, target) != nil {
		k.problems.Errorf(key, "%s is expected", want)
		return false
	}
	return true
}

// has reports whether the key is there, whatever its value.
func (k *keys) has(key string) bool {
	_, ok := k.values[key]
	return ok
}

// text returns a text that is not blank, fallback when the key is absent, or "".
func (k *keys) text(key, fallback string) string {
	v := fallback
	if k.value(key, "a text", &v) && strings.TrimSpace(v) == "" {
		k.problems.Errorf(key, "it must not be empty")
		return ""
	}
	return v
}

// oneOf returns one of allowed, or "".
func (k *keys) oneOf(key string, allowed ...string) string {
	v := k.text(key, "")
	if v == "" || slices.Contains(allowed, v) {
		return v
	}
	k.problems.Errorf(key, "%q is not known; expected one of %s", v, strings.Join(allowed, ", "))
	return ""
}

func (k *keys) number(key string, fallback, low, high int64) int64 {
	v := fallback
	if k.value(key, "a whole number", &v) && (v < low || v > high) {
		k.problems.Errorf(key, "%d is out of range; expected %d to %d", v, low, high)
	}
	return v
}

func (k *keys) duration(key string, fallback, low, high time.Duration) time.Duration {
	var v string
	if !k.value(key, `a duration such as "5m"`, &v) {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		k.problems.Errorf(key, `%q is not a duration; expected one such as "90s" or "5m"`, v)
		return fallback
	}
	if d < low || d > high {
		k.problems.Errorf(key, "%s is out of range; expected %s to %s", d, low, high)
	}
	return d
}

// finish adds an error for each key that was never asked for and returns all
// problems.
func (k *keys) finish() diag.List {
	for _, key := range slices.Sorted(maps.Keys(k.values)) {
		if slices.Contains(k.asked, key) {
			continue
		}
		hint := ""
		if i := slices.IndexFunc(k.asked, func(known string) bool { return strings.EqualFold(known, key) }); i >= 0 {
			hint = "; did you mean " + k.asked[i] + "?"
		}
		k.problems.Errorf(key, "this key is not known%s", hint)
	}
	return k.problems
}
