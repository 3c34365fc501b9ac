package configschema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/contract"
)

var keyForm = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z][A-Za-z0-9_.-]{0,%d}$`, contract.MaxConfigKeyBytes-1))

// Err returns every way in which the schema itself breaks the rules of [Schema]
// and [Field], or nil. It names fields by their place, as in fields[2], and
// quotes nothing, so that it can be asked about a schema of somebody else's.
func (s Schema) Err() error {
	names := count(s.Fields)
	for _, group := range s.ExactlyOne {
		names += len(group)
	}
	if names > contract.MaxConfigFields {
		return fmt.Errorf("it has more than %d names of keys", contract.MaxConfigFields)
	}
	var v verifier
	v.object("", s.Fields, 1)
	for i, group := range s.ExactlyOne {
		at := fmt.Sprintf("exactly_one[%d]", i)
		if len(group) < 2 {
			v.breach(at, "has fewer than two keys")
		}
		for j, key := range group {
			if f := fieldOf(s.Fields, key); f == nil || f.Required || slices.Contains(group[:j], key) {
				v.breach(at, "names a key that is unknown, required or named before")
			}
		}
	}
	if len(v.breaches) == 0 {
		return nil
	}
	return errors.New(strings.Join(v.breaches, "; "))
}

// count returns how many names fields have, older ones and nested ones included.
func count(fields []Field) (n int) {
	for _, f := range fields {
		n += 1 + len(f.Formerly) + count(f.Fields)
	}
	return n
}

type verifier struct{ breaches []string }

func (v *verifier) breach(at, format string, args ...any) {
	v.breaches = append(v.breaches, at+" "+fmt.Sprintf(format, args...))
}

func (v *verifier) object(path string, fields []Field, depth int) {
	if depth > contract.MaxConfigDepth {
		v.breach(strings.TrimSuffix(path, "."), "is nested deeper than %d objects", contract.MaxConfigDepth)
		return
	}
	var keys []string
	for i, f := range fields {
		at := fmt.Sprintf("%sfields[%d]", path, i)
		for _, key := range append([]string{f.Key}, f.Formerly...) {
			if !keyForm.MatchString(key) || slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) }) {
				v.breach(at, "has a key that is malformed or used twice")
			}
			keys = append(keys, key)
		}
		for _, with := range []string{f.RequiredWith, f.OnlyWith} {
			if with != "" && (with == f.Key || fieldOf(fields, with) == nil) {
				v.breach(at, "depends on a key that is not beside it")
			}
		}
		v.field(at, f)
		v.object(at+".", f.Fields, depth+1)
	}
}

func (v *verifier) field(at string, f Field) {
	if !f.Type.known() {
		v.breach(at+".type", "is unknown")
	}
	if strings.TrimSpace(f.About) == "" {
		v.breach(at+".about", "is missing")
	}
	for _, text := range append([]string{f.About, f.Default, f.Example, f.Min, f.Max}, f.Values...) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			v.breach(at, "has a text that is not printable")
		}
	}
	if (f.Type == Enum) != (len(f.Values) > 0) || slices.Contains(f.Values, "") {
		v.breach(at+".values", "are for an ENUM, which has at least one")
	}
	if (f.Type == Object) != (len(f.Fields) > 0) {
		v.breach(at+".fields", "are for an OBJECT, which has at least one")
	}
	if f.Default != "" && (f.Required || f.Type == Object) || f.Type == Sensitive && f.Default+f.Example != "" {
		v.breach(at, "has a default or an example where there is no place for one")
	}
	for _, text := range []string{f.Default, f.Min, f.Max} {
		if _, ok := f.parse(text, true); text != "" && !ok {
			v.breach(at, "has a default or a bound that does not fit")
		}
	}
	if ranged := f.Type == Integer || f.Type == Duration; (f.Min == "") != (f.Max == "") || f.Min != "" && !ranged {
		v.breach(at, "has one bound alone, or bounds for a type without")
	}
}
