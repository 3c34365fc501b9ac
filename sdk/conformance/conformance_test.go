package conformance_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

func good(t *testing.T) conformance.Config {
	t.Helper()
	body, err := json.Marshal(map[string]string{"Folder": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return conformance.Config{Binary: conformance.Build(t, "github.com/identitymesh/identitymesh/sdk/template"), Config: body}
}

func TestAGoodPluginPassesEveryCase(t *testing.T) {
	report := conformance.Test(t, good(t))
	if report.Level() != conformance.Versioned {
		t.Errorf("the level is %s", report.Level())
	}
	_ = report.Write(os.Stdout, true)
}
