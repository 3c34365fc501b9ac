package pluginmain

import (
	"github.com/identitymesh/identitymesh/sdk/configschema"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// toSchema returns the schema as it travels, or nil when none was declared.
func toSchema(s configschema.Schema) *pb.ConfigSchema {
	if !s.Declared() {
		return nil
	}
	out := &pb.ConfigSchema{Fields: toFields(s.Fields)}
	for _, group := range s.ExactlyOne {
		out.ExactlyOne = append(out.ExactlyOne, &pb.ConfigKeys{Keys: group})
	}
	return out
}

func toFields(fields []configschema.Field) (out []*pb.ConfigField) {
	for _, f := range fields {
		out = append(out, &pb.ConfigField{
			Key: f.Key, Type: pb.ConfigField_Type(f.Type), About: f.About, Required: f.Required, Default: f.Default, Example: f.Example,
			Values: f.Values, Min: f.Min, Max: f.Max, FormerKeys: f.Formerly, RequiredWith: f.RequiredWith, OnlyWith: f.OnlyWith,
			Fields: toFields(f.Fields),
		})
	}
	return out
}
