package facade

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// schema returns the schema that the plugin declared, which is the zero one when
// it did not.
func (f *V1) schema(in *pb.ConfigSchema) (configschema.Schema, error) {
	if in == nil {
		return configschema.Schema{}, nil
	}
	out, err := schemaOf(in)
	if err != nil {
		// The rule alone would leave the author to search a hundred fields.
		return configschema.Schema{}, (&Violation{
			Plugin: f.info.Name, Version: f.info.Version, Call: callInfo, Spec: rules.InfoSchema.Spec(),
			Rule: wire.Cut(rules.InfoSchema.String()+": "+err.Error(), contract.MaxSummaryBytes),
		}).fail()
	}
	return out, nil
}

func schemaOf(in *pb.ConfigSchema) (out configschema.Schema, err error) {
	if proto.Size(in) > contract.MaxConfigSchemaBytes {
		return out, fmt.Errorf("it is larger than %d bytes", contract.MaxConfigSchemaBytes)
	}
	out.Fields = fieldsOf(in.GetFields())
	for _, group := range in.GetExactlyOne() {
		out.ExactlyOne = append(out.ExactlyOne, group.GetKeys())
	}
	if !out.Declared() {
		return out, errors.New("it has no fields")
	}
	return out, out.Err()
}

func fieldsOf(in []*pb.ConfigField) (out []configschema.Field) {
	for _, f := range in {
		field := configschema.Field{
			Key: f.GetKey(), Type: configschema.Type(f.GetType()), About: f.GetAbout(), Required: f.GetRequired(),
			Default: f.GetDefault(), Example: f.GetExample(), Values: f.GetValues(), Min: f.GetMin(), Max: f.GetMax(),
			Formerly: f.GetFormerKeys(), RequiredWith: f.GetRequiredWith(), OnlyWith: f.GetOnlyWith(), Fields: fieldsOf(f.GetFields()),
		}
		if field.Type > configschema.Ref {
			// A type of a newer minor could be one that must not be shown.
			field = configschema.Field{
				Key: field.Key, Type: configschema.Sensitive, About: field.About, Required: field.Required,
				Formerly: field.Formerly, RequiredWith: field.RequiredWith, OnlyWith: field.OnlyWith,
			}
		}
		out = append(out, field)
	}
	return out
}
