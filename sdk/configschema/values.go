package configschema

import (
	"fmt"
	"io"
	"time"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Values are what an object says, by the paths of the keys as the schema spells
// them, with ':' before a key of a nested object. What is absent or wrong has its
// default, else the zero value. Asking for a key that the schema does not have,
// or as another type, is a mistake of the program and panics. Values do not
// change and may be used concurrently.
type Values struct {
	fields map[string]*Field
	order  []string
	values map[string]any
	given  map[string]bool
}

// Has reports whether the key is given, whether or not its value is good.
func (v *Values) Has(key string) bool {
	v.field(key)
	return v.given[key]
}

// Wrong reports whether the key is given and its value is not good, of which the
// problems already tell.
func (v *Values) Wrong(key string) bool {
	f := v.field(key)
	_, good := v.values[key]
	return v.given[key] && !good && f.Type != Object
}

// Text returns a [Text], or an [Enum] in the letters of the schema.
func (v *Values) Text(key string) string { return get[string](v, key, Text, Enum) }

// Secret returns a [Sensitive] text; it is zero when there is none.
func (v *Values) Secret(key string) secret.Value { return get[secret.Value](v, key, Sensitive) }

// Bool returns a [Bool].
func (v *Values) Bool(key string) bool { return get[bool](v, key, Bool) }

// Int returns an [Integer], or a [DurationOrCount] that is a number.
func (v *Values) Int(key string) int64 { return get[int64](v, key, Integer, DurationOrCount) }

// Duration returns a [Duration], or a [DurationOrCount] that is one.
func (v *Values) Duration(key string) time.Duration {
	return get[time.Duration](v, key, Duration, DurationOrCount)
}

// List returns a [List]; the caller must not change it.
func (v *Values) List(key string) []string { return get[[]string](v, key, List) }

// Ref returns a [Ref]; it is empty when there is none.
func (v *Values) Ref(key string) secret.Ref { return get[secret.Ref](v, key, Ref) }

// Refs returns every [Ref] there is, in the order of the schema.
func (v *Values) Refs() (refs []secret.Ref) {
	for _, path := range v.order {
		if ref, ok := v.values[path].(secret.Ref); ok {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Format prints nothing of the values, whatever the verb.
func (v *Values) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[configuration]") }

func (v *Values) field(key string) *Field {
	f := v.fields[key]
	if f == nil {
		panic("configschema: the schema has no key " + key)
	}
	return f
}

func get[T any](v *Values, key string, types ...Type) T {
	f := v.field(key)
	for _, t := range types {
		if f.Type == t {
			value, _ := v.values[key].(T)
			return value
		}
	}
	panic(fmt.Sprintf("configschema: the key %s is of type %s", key, f.Type))
}
