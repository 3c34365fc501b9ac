package main_test

import (
	"fmt"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

func TestConformance(t *testing.T) {
	conformance.Test(t, conformance.Config{
		Binary: conformance.Build(t, "github.com/identitymesh/identitymesh/sdk/template"),
		Config: fmt.Appendf(nil, `{"Folder":%q}`, t.TempDir()),
	})
}
