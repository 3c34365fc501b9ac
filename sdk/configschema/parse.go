package configschema

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/internal/words"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// kind is the JSON type of a value, in the words of a message.
type kind string

const (
	isText   kind = "a text"
	isNumber kind = "a number"
	isBool   kind = "true or false"
	isArray  kind = "an array"
	isObject kind = "an object"
	isNull   kind = "null"
)

func kindOf(raw json.RawMessage) kind {
	switch raw[0] {
	case '"':
		return isText
	case '{':
		return isObject
	case '[':
		return isArray
	case 't', 'f':
		return isBool
	case 'n':
		return isNull
	}
	return isNumber
}

// takes reports whether a value of the type can be written as k. Settings may
// come from environment variables, where everything is a text and an array is
// an object with numbers for keys.
func (t Type) takes(k kind, settings bool) bool {
	switch t {
	case Bool:
		return k == isBool || settings && (k == isText || k == isNumber)
	case Integer:
		return k == isNumber || settings && k == isText
	case Duration:
		return k == isText || settings && k == isNumber
	case DurationOrCount:
		return k == isText || k == isNumber
	case List:
		return k == isArray || settings && (k == isText || k == isObject)
	case Object:
		return k == isObject
	}
	return k == isText
}

// parse returns what text means. bare is whether a number without a unit may
// stand for a duration or a count.
func (f *Field) parse(text string, bare bool) (value any, ok bool) {
	switch f.Type {
	case Sensitive:
		return secret.NewValue([]byte(text)), true
	case Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		return b, err == nil
	case Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil && within(f, n, Integer)
	case Duration:
		if seconds, err := strconv.ParseUint(text, 10, 31); err == nil && bare {
			d := time.Duration(seconds) * time.Second
			return d, within(f, d, Duration)
		}
		d, ok := words.Duration(text)
		return d, ok && within(f, d, Duration)
	case DurationOrCount:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && bare {
			return n, true
		}
		return words.Duration(text)
	case Enum:
		for synonym, of := range f.Synonyms {
			if strings.EqualFold(synonym, text) {
				text = of
			}
		}
		i := slices.IndexFunc(f.Values, func(v string) bool { return strings.EqualFold(v, text) })
		if i < 0 {
			return nil, false
		}
		return f.Values[i], true
	case List:
		return trimmed(strings.Split(text, ";")), true
	case Ref:
		ref, err := secret.ParseConfigRef(text)
		return ref, err == nil
	}
	return text, f.Type == Text
}

// within compares with the bounds, which a sound schema can parse.
func within[T int64 | time.Duration](f *Field, value T, t Type) bool {
	if f.Min == "" {
		return true
	}
	unbounded := Field{Type: t}
	low, _ := unbounded.parse(f.Min, true)
	high, _ := unbounded.parse(f.Max, true)
	least, ok1 := low.(T)
	most, ok2 := high.(T)
	return ok1 && ok2 && least <= value && value <= most
}

// items returns the texts of a list, whichever way it is written.
func items(raw json.RawMessage) (list []string, ok bool) {
	if kindOf(raw) == isArray {
		return list, json.Unmarshal(raw, &list) == nil && !nullIn(raw)
	}
	var numbered map[int]string
	if json.Unmarshal(raw, &numbered) != nil {
		return nil, false
	}
	for len(list) < len(numbered) {
		item, ok := numbered[len(list)]
		if !ok {
			return nil, false
		}
		list = append(list, item)
	}
	return trimmed(list), true
}

// nullIn reports whether one of the items is null, which would be read as "".
func nullIn(raw json.RawMessage) bool {
	var all []json.RawMessage
	_ = json.Unmarshal(raw, &all)
	return slices.ContainsFunc(all, func(r json.RawMessage) bool { return kindOf(r) == isNull })
}

// trimmed drops blanks around the items, and items of nothing else.
func trimmed(list []string) (out []string) {
	for _, item := range list {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

type member struct {
	key   string
	value json.RawMessage
}

// members returns the members of a JSON object in order, repeated ones included,
// which a map would lose.
func members(raw []byte) (list []member, ok bool) {
	if !json.Valid(raw) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		var m member
		key, err := d.Token()
		if err != nil || d.Decode(&m.value) != nil {
			return nil, false
		}
		m.key, _ = key.(string)
		list = append(list, m)
	}
	return list, true
}
