package configschema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/contract"
)

func TestSoundSchemaHasNoErr(t *testing.T) {
	for name, s := range map[string]configschema.Schema{"one of everything": sample(), "none": {}} {
		if err := s.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if (configschema.Schema{}).Declared() || !sample().Declared() {
		t.Error("which schema is declared is told wrongly")
	}
}

func TestSchemaThatBreaksItsRulesSaysWhereAndQuotesNothing(t *testing.T) {
	field := func(change func(*configschema.Field)) configschema.Schema {
		f := configschema.Field{Key: "A", Type: configschema.Text, About: "a"}
		change(&f)
		return configschema.Schema{Fields: []configschema.Field{{Key: "First", Type: configschema.Text, About: "f"}, f}}
	}
	deep := configschema.Field{Key: "Leaf", Type: configschema.Text, About: "leaf"}
	for range contract.MaxConfigDepth {
		deep = configschema.Field{Key: "O", Type: configschema.Object, About: "o", Fields: []configschema.Field{deep}}
	}
	group := func(keys ...string) configschema.Schema {
		s := field(func(*configschema.Field) {})
		s.ExactlyOne = [][]string{keys}
		return s
	}
	for name, c := range map[string]struct {
		schema configschema.Schema
		want   string
	}{
		"a key with a colon":          {field(func(f *configschema.Field) { f.Key = "a:CANARY" }), "fields[1] has a key"},
		"a key that is too long":      {field(func(f *configschema.Field) { f.Key = strings.Repeat("k", 65) }), "fields[1] has a key"},
		"a key twice":                 {field(func(f *configschema.Field) { f.Key = "FIRST" }), "fields[1] has a key"},
		"an older name twice":         {field(func(f *configschema.Field) { f.Formerly = []string{"first"} }), "fields[1] has a key"},
		"no type":                     {field(func(f *configschema.Field) { f.Type = 0 }), "fields[1].type is unknown"},
		"no words":                    {field(func(f *configschema.Field) { f.About = " " }), "fields[1].about is missing"},
		"words that are not words":    {field(func(f *configschema.Field) { f.About = "CANARY\x1b[2J" }), "not printable"},
		"an enum without values":      {field(func(f *configschema.Field) { f.Type = configschema.Enum }), "fields[1].values"},
		"values of a text":            {field(func(f *configschema.Field) { f.Values = []string{"CANARY"} }), "fields[1].values"},
		"an object without fields":    {field(func(f *configschema.Field) { f.Type = configschema.Object }), "fields[1].fields"},
		"a default that is required":  {field(func(f *configschema.Field) { f.Required, f.Default = true, "CANARY" }), "no place"},
		"a default that is secret":    {field(func(f *configschema.Field) { f.Type, f.Default = configschema.Sensitive, "CANARY" }), "no place"},
		"an example that is secret":   {field(func(f *configschema.Field) { f.Type, f.Example = configschema.Sensitive, "CANARY" }), "no place"},
		"a default that is none":      {field(func(f *configschema.Field) { f.Type, f.Default = configschema.Integer, "CANARY" }), "does not fit"},
		"a default beyond the bounds": {field(func(f *configschema.Field) { f.Type, f.Default, f.Min, f.Max = configschema.Integer, "9", "1", "5" }), "does not fit"},
		"bounds in the wrong order":   {field(func(f *configschema.Field) { f.Type, f.Min, f.Max = configschema.Duration, "5s", "1s" }), "does not fit"},
		"one bound":                   {field(func(f *configschema.Field) { f.Type, f.Min = configschema.Integer, "1" }), "fields[1]"},
		"bounds of a text":            {field(func(f *configschema.Field) { f.Min, f.Max = "1", "2" }), "bounds for a type without"},
		"a companion that is missing": {field(func(f *configschema.Field) { f.OnlyWith = "CANARY" }), "not beside it"},
		"its own companion":           {field(func(f *configschema.Field) { f.RequiredWith = "A" }), "not beside it"},
		"a group of one":              {group("A"), "exactly_one[0] has fewer"},
		"a group with a stranger":     {group("A", "CANARY"), "exactly_one[0] names"},
		"a group with one twice":      {group("A", "A"), "exactly_one[0] names"},
		"objects that are too deep":   {configschema.Schema{Fields: []configschema.Field{deep}}, "deeper than 4"},
		"too many fields":             {configschema.Schema{Fields: slices.Repeat(sample().Fields, 9)}, "more than 100 names"},
		"too many names in groups":    {group(slices.Repeat([]string{"A"}, 100)...), "more than 100 names"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.schema.Err()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("it quotes: %v", err)
			}
		})
	}
}
