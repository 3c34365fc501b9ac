package facade_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

func field(change func(*pb.ConfigField)) *pb.ConfigSchema {
	f := &pb.ConfigField{Key: "Folder", Type: pb.ConfigField_TYPE_TEXT, About: "Where"}
	change(f)
	return &pb.ConfigSchema{Fields: []*pb.ConfigField{f}}
}

// folderField is a sound schema.
func folderField() *pb.ConfigSchema {
	return field(func(f *pb.ConfigField) { f.Default, f.FormerKeys = "/data", []string{"Path"} })
}

func TestSchemaThatBreaksItsRulesKeepsThePluginOut(t *testing.T) {
	nested := &pb.ConfigField{Key: "Leaf", Type: pb.ConfigField_TYPE_TEXT, About: "leaf"}
	for range 5000 {
		nested = &pb.ConfigField{Key: "O", Type: pb.ConfigField_TYPE_OBJECT, About: "o", Fields: []*pb.ConfigField{nested}}
	}
	many := &pb.ConfigSchema{}
	for range 15_000 {
		many.Fields = append(many.Fields, &pb.ConfigField{})
	}
	for name, c := range map[string]struct {
		schema *pb.ConfigSchema
		says   string
	}{
		"no fields":            {&pb.ConfigSchema{}, "it has no fields"},
		"no type":              {field(func(f *pb.ConfigField) { f.Type = 0 }), "fields[0].type is unknown"},
		"a negative type":      {field(func(f *pb.ConfigField) { f.Type = -1 }), "fields[0].type is unknown"},
		"a key that is none":   {field(func(f *pb.ConfigField) { f.Key = canary + "\n" }), "fields[0] has a key"},
		"a default of a token": {field(func(f *pb.ConfigField) { f.Type, f.Default = pb.ConfigField_TYPE_SENSITIVE, canary }), "no place for one"},
		"too much text":        {field(func(f *pb.ConfigField) { f.About = strings.Repeat("x", 65_536) }), "larger than 65536 bytes"},
		"far too many fields":  {many, "more than 100 names"},
		"far too deep":         {&pb.ConfigSchema{Fields: []*pb.ConfigField{nested}}, "it"},
		"a group of strangers": {&pb.ConfigSchema{Fields: field(func(*pb.ConfigField) {}).Fields, ExactlyOne: []*pb.ConfigKeys{{Keys: []string{"Folder", canary}}}}, "exactly_one[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			l := honest()
			l.info.ConfigSchema = c.schema
			_, err := open(t, l)
			var v *facade.Violation
			if !errors.As(err, &v) || v.Call != "GetInfo" || v.Spec != rules.InfoSchema.Spec() || fault.Of(err) != fault.Internal {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(v.Rule, c.says) || strings.Contains(err.Error(), canary) || len(v.Rule) > 1024 {
				t.Errorf("it says %s", err)
			}
		})
	}
}

func TestTypeOfANewerMinorIsTakenForASensitiveOne(t *testing.T) {
	l := honest()
	l.info.ConfigSchema = field(func(f *pb.ConfigField) {
		f.Type, f.Default, f.Values, f.Min, f.FormerKeys = 99, "new", []string{"a"}, "1", []string{"Path"}
	})
	got := opened(t, l).Info().Schema.Fields
	if len(got) != 1 || got[0].Type != configschema.Sensitive || got[0].Key != "Folder" || got[0].Default != "" || got[0].Formerly[0] != "Path" {
		t.Errorf("got %+v", got)
	}
}
