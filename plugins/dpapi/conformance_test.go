package dpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

func TestConformance(t *testing.T) {
	marshal := func(database string) []byte {
		body, _ := json.Marshal(map[string]string{"SqlConnectionString": database, "DataFolder": t.TempDir()})
		return body
	}
	report := conformance.Test(t, conformance.Config{
		Binary: conformance.Build(t, "./cmd/identitymesh-plugin-dpapi"),
		Config: marshal(""),
		// Nothing listens on the port of another protocol.
		Unreachable: marshal("sqlserver://sa:Canary-31a7-Pw@127.0.0.1:9?database=IdentityMesh&encrypt=disable&dial+timeout=2"),
		Canaries:    []string{"Canary-31a7-Pw"},
	})
	if report.Level() != conformance.Writer {
		t.Errorf("the level is %s", report.Level())
	}
}
