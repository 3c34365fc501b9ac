package configschema

import (
	"bytes"
	"encoding/json"
	"slices"
)

// JSONSchema returns the schema as a JSON Schema of draft 2020-12, for editors,
// forms and programs. Properties are in the order of the fields. Beyond the
// standard's words it uses the formats "duration-text" (as in "30s") and
// "secret-ref", and for durations the keywords "x-minimum" and "x-maximum". It
// knows keys and values in the documented letters only, where [Schema.Read] takes
// any case.
func (s Schema) JSONSchema() []byte {
	out := append(ordered{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}, object(s.Fields)...)
	var groups []any
	for _, group := range s.ExactlyOne {
		var choices []any
		for _, key := range group {
			choices = append(choices, ordered{{"required", []string{key}}})
		}
		groups = append(groups, ordered{{"oneOf", choices}})
	}
	if len(groups) > 0 {
		out = append(out, property{"allOf", groups})
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err) // it holds nothing that cannot be marshalled
	}
	return text
}

func object(fields []Field) ordered {
	properties := ordered{}
	var required []string
	dependent := map[string][]string{}
	needs := func(key, other string) {
		if key != "" && other != "" && !slices.Contains(dependent[key], other) {
			dependent[key] = append(dependent[key], other)
		}
	}
	for _, f := range fields {
		properties = append(properties, property{f.Key, f.jsonSchema()})
		if f.Required {
			required = append(required, f.Key)
		}
		needs(f.RequiredWith, f.Key)
		needs(f.Key, f.OnlyWith)
	}
	out := ordered{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}}
	if len(required) > 0 {
		out = append(out, property{"required", required})
	}
	if len(dependent) > 0 {
		out = append(out, property{"dependentRequired", dependent})
	}
	return out
}

func (f Field) jsonSchema() ordered {
	var out ordered
	low, high := "minimum", "maximum"
	switch f.Type {
	case Sensitive:
		out = ordered{{"type", "string"}, {"writeOnly", true}}
	case Bool:
		out = ordered{{"type", "boolean"}}
	case Integer:
		out = ordered{{"type", "integer"}}
	case Duration:
		out = ordered{{"type", "string"}, {"format", "duration-text"}}
		low, high = "x-minimum", "x-maximum"
	case DurationOrCount:
		out = ordered{{"type", []string{"string", "integer"}}, {"format", "duration-text"}}
	case Enum:
		out = ordered{{"type", "string"}, {"enum", f.Values}}
	case List:
		out = ordered{{"type", "array"}, {"items", ordered{{"type", "string"}}}}
	case Object:
		out = object(f.Fields)
	case Ref:
		out = ordered{{"type", "string"}, {"format", "secret-ref"}}
	default:
		out = ordered{{"type", "string"}}
	}
	out = append(out, property{"description", f.About})
	for _, p := range []struct{ name, text string }{{"default", f.Default}, {low, f.Min}, {high, f.Max}} {
		if p.text != "" {
			out = append(out, property{p.name, f.literal(p.text)})
		}
	}
	if f.Example != "" {
		out = append(out, property{"examples", []any{f.literal(f.Example)}})
	}
	return out
}

// literal is the value that text stands for, as JSON has it.
func (f Field) literal(text string) any {
	if f.Type == Bool || f.Type == Integer || f.Type == DurationOrCount || f.Type == List {
		switch value, _ := f.parse(text, true); value := value.(type) {
		case bool, int64, []string:
			return value
		}
	}
	return text
}

// ordered is an object whose members keep their order.
type ordered []property

type property struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, p := range o {
		name, err := json.Marshal(p.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		b.WriteByte("{,"[min(i, 1)])
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
