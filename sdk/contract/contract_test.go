package contract_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/identitymesh/identitymesh/sdk/contract"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

func TestVersionInTheProtoIsTheOneInTheCode(t *testing.T) {
	text, err := os.ReadFile("../proto/identitymesh/secretprovider/v1/plugin.proto")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("// major %d, minor %d.", contract.Major, contract.Minor)
	if !strings.Contains(string(text), want) {
		t.Errorf("plugin.proto lacks the comment %q", want)
	}
	if name := string(pb.File_identitymesh_secretprovider_v1_plugin_proto.Package()); !strings.HasSuffix(name, fmt.Sprintf(".v%d", contract.Major)) {
		t.Errorf("the package is %s, the major %d", name, contract.Major)
	}
}

// valueFields returns the bytes fields that can be reached from m.
func valueFields(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) (found []string) {
	if seen[m.FullName()] {
		return nil
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		switch {
		case f.Kind() == protoreflect.BytesKind, strings.Contains(strings.ToLower(string(f.Name())), "value") && !f.ContainingMessage().IsMapEntry():
			found = append(found, string(f.FullName()))
		case f.Message() != nil:
			found = append(found, valueFields(f.Message(), seen)...)
		}
	}
	return found
}

func TestNoMessageOfSecretMetadataCanHoldAValue(t *testing.T) {
	service := pb.File_identitymesh_secretprovider_v1_metadata_proto.Services().ByName("SecretMetadata")
	for i := range service.Methods().Len() {
		m := service.Methods().Get(i)
		for _, message := range []protoreflect.MessageDescriptor{m.Input(), m.Output()} {
			if found := valueFields(message, map[protoreflect.FullName]bool{}); len(found) > 0 {
				t.Errorf("%s: %v could hold a value", m.Name(), found)
			}
		}
	}
	// The walk must be able to find one.
	get := pb.File_identitymesh_secretprovider_v1_value_proto.Messages().ByName("GetResponse")
	if found := valueFields(get, map[protoreflect.FullName]bool{}); len(found) != 1 {
		t.Errorf("the walk found %v in GetResponse", found)
	}
}
