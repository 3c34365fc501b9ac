package architecture_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/build/architecture"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// The repository itself, held to each rule.
func TestRepository(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := architecture.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < len(w.Modules) {
		t.Fatalf("only %d packages in %d modules were found", len(packages), len(w.Modules))
	}
	for _, rule := range architecture.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, f := range architecture.Check([]architecture.Rule{rule}, packages) {
				t.Error(f)
			}
		})
	}
	for _, f := range architecture.Long(packages) {
		t.Log(f)
	}
	t.Logf("the median file has %d lines", architecture.Median(packages))
}
