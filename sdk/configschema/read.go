package configschema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/internal/words"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Read reads a document: an object that was written as JSON and is checked to
// the letter. Unknown keys are errors. The problems are all there are, each with
// the path of its key within the object. The values are nil when config is not an
// object; else what is wrong in it is as if it were absent.
func (s Schema) Read(config []byte) (*Values, diag.List) { return s.read(config, false) }

// ReadSettings is [Schema.Read] for an object that was put together from settings
// files and environment variables: values may be texts whatever their type,
// blank ones count as absent, and unknown keys, which may be those of another
// version, are warnings.
func (s Schema) ReadSettings(config []byte) (*Values, diag.List) { return s.read(config, true) }

func (s Schema) read(config []byte, settings bool) (*Values, diag.List) {
	r := reader{settings: settings, values: &Values{fields: map[string]*Field{}, values: map[string]any{}, given: map[string]bool{}}}
	list, ok := members(config)
	if !ok {
		r.problems.Errorf("", "expected a JSON object")
		return nil, r.problems
	}
	r.object("", s.Fields, list, true)
	for _, group := range s.ExactlyOne {
		r.exactlyOne(group)
	}
	r.problems = append(r.problems, r.unknown...)
	return r.values, r.problems
}

type reader struct {
	settings bool
	values   *Values
	problems diag.List
	// unknown keys come last, after what may be the reason for them.
	unknown diag.List
}

// fieldOf returns the field that is now called key, in exactly these letters.
func fieldOf(fields []Field, key string) *Field {
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == key }); i >= 0 {
		return &fields[i]
	}
	return nil
}

// object reads the members of the object at path, field by field. In an object
// that is absent nothing is required.
func (r *reader) object(path string, fields []Field, list []member, present bool) {
	taken := make([]bool, len(list))
	for i := range fields {
		f := &fields[i]
		at := diag.Join(path, f.Key)
		r.values.fields[at] = f
		r.values.order = append(r.values.order, at)
		var found []json.RawMessage
		for j, m := range list {
			former := slices.ContainsFunc(f.Formerly, func(k string) bool { return strings.EqualFold(k, m.key) })
			if !former && !strings.EqualFold(f.Key, m.key) {
				continue
			}
			taken[j] = true
			if found = append(found, m.value); former {
				r.problems.Warnf(diag.Join(path, m.key), "this key is called %s now", f.Key)
			}
		}
		if len(found) > 1 {
			r.values.given[at] = true
			r.problems.Errorf(at, "it is given more than once, perhaps in different case")
			continue
		}
		r.value(at, f, append(found, json.RawMessage("null"))[0], present)
	}
	for _, f := range fields {
		r.relations(path, f)
	}
	var surplus []string
	for j, m := range list {
		if !taken[j] {
			surplus = append(surplus, m.key)
		}
	}
	r.surplus(path, fields, surplus)
}

// value reads the value at path; null is as good as absent.
func (r *reader) value(path string, f *Field, raw json.RawMessage, required bool) {
	k := kindOf(raw)
	var text string
	if k == isText {
		_ = json.Unmarshal(raw, &text) // a valid JSON text
	} else {
		text = string(raw)
	}
	blank := k == isText && strings.TrimSpace(text) == ""
	r.values.given[path] = k != isNull && !(blank && r.settings)
	if f.Type == Object {
		nested, present := members(raw)
		r.object(path, f.Fields, nested, present)
	}
	switch {
	case !r.values.given[path]:
		if f.Required && required {
			r.problems.Errorf(path, "it is required; %s", f.expected())
		} else if f.Default != "" {
			r.values.values[path], _ = f.parse(f.Default, true)
		}
	case !f.Type.takes(k, r.settings):
		r.problems.Errorf(path, "%s, found %s", f.expected(), k)
	case blank:
		r.problems.Errorf(path, "it must not be empty; leave it out instead")
	case f.Type != Object:
		r.check(path, f, k, raw, text)
	}
}

// check parses a value of a kind that fits, and keeps it when it is good.
func (r *reader) check(path string, f *Field, k kind, raw json.RawMessage, text string) {
	var value any
	var ok bool
	switch {
	case f.Type == List && k != isText:
		value, ok = items(raw)
	case f.Type == Sensitive:
		value, ok = f.parse(text, false)
	default:
		value, ok = f.parse(strings.TrimSpace(text), r.settings || k == isNumber)
	}
	if !ok {
		r.problems.Errorf(path, "%s", f.expected())
		return
	}
	var found diag.List
	if f.Check != nil {
		switch value := value.(type) {
		case string:
			f.Check(value, &found)
		case []string:
			for _, item := range value {
				f.Check(item, &found)
			}
		}
	}
	r.problems.Append(path, found)
	if !found.HasErrors() {
		r.values.values[path] = value
	}
}

// expected says in the words of a message what a value has to be.
func (f *Field) expected() string {
	text := map[Type]string{
		Text: "a text", Sensitive: "a text", Bool: "true or false", Integer: "a whole number", List: "an array of texts", Object: "an object",
		Duration: "a duration", DurationOrCount: "a duration or a whole number", Enum: "one of " + strings.Join(f.Values, ", "),
		Ref: "a reference such as " + secret.Scheme + "ad/svc/password, never the secret itself",
	}[f.Type]
	if f.Min != "" {
		text += fmt.Sprintf(" from %s to %s", f.Min, f.Max)
	}
	switch {
	case f.Example != "":
		text += " such as " + f.Example
	case f.Type == Duration:
		text += ` such as "30s", "5m" or "00:05:00"`
	}
	return "expected " + text
}

// relations checks what the key at path owes the keys beside it.
func (r *reader) relations(path string, f Field) {
	at := diag.Join(path, f.Key)
	given := r.values.given
	if with := diag.Join(path, f.RequiredWith); f.RequiredWith != "" && given[with] && !given[at] {
		r.problems.Errorf(at, "it is required with %s; %s", f.RequiredWith, f.expected())
	}
	if with := diag.Join(path, f.OnlyWith); f.OnlyWith != "" && given[at] && !given[with] {
		r.problems.Errorf(at, "it has no meaning without %s", f.OnlyWith)
	}
}

func (r *reader) exactlyOne(group []string) {
	first := slices.IndexFunc(group, r.values.Has)
	if first < 0 {
		r.problems.Errorf(group[0], "it is required, or %s instead of it", strings.Join(group[1:], " or "))
		return
	}
	for _, key := range group[first+1:] {
		if r.values.Has(key) {
			r.problems.Errorf(key, "it excludes %s; keep one of them", group[first])
		}
	}
}

// mostUnknown unknown keys of an object are named; a whole document in the wrong
// place has more.
const mostUnknown = 20

// surplus reports keys of the object at path that no field is called.
func (r *reader) surplus(path string, fields []Field, keys []string) {
	report := r.unknown.Errorf
	summary := "this key is not known"
	if r.settings {
		report, summary = r.unknown.Warnf, "this key is not known and has no effect"
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.Key)
	}
	for i, key := range keys {
		switch like := words.Closest(key, known); {
		case i == mostUnknown:
			report(path, "%d further keys are not known", len(keys)-i)
			return
		case !keyForm.MatchString(key):
			// It may be anything, also a secret in the wrong place.
			report(path, "a key that is not known is not repeated here, because it does not have the form of one; known are %s", strings.Join(known, ", "))
		case like != "":
			report(diag.Join(path, key), "%s; did you mean %s?", summary, diag.Join(path, like))
		default:
			report(diag.Join(path, key), "%s; known are %s", summary, strings.Join(known, ", "))
		}
	}
}
