package rules_test

import (
	"os"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
)

func TestEveryRuleStandsInTheSpecification(t *testing.T) {
	const root = "../../../"
	if _, err := os.Stat(root + "docs/spec"); os.IsNotExist(err) {
		if _, err := os.Stat(root + "go.work"); os.IsNotExist(err) {
			t.Skip("the specification is not part of the module alone")
		}
	}
	seen := map[string]rules.Rule{}
	for _, r := range rules.All() {
		page, anchor, found := strings.Cut(r.Spec(), "#")
		text, err := os.ReadFile(root + page)
		if err != nil || !found || !strings.Contains(string(text), "\n### "+anchor+"\n") {
			t.Errorf("rule %d, %q: %s is no rule of the specification: %v", r, r, r.Spec(), err)
		}
		if r.String() == "" {
			t.Errorf("rule %d, %s, has no sentence", r, r.Spec())
		}
		if other, twice := seen[r.String()+r.Spec()]; twice {
			t.Errorf("rules %d and %d cannot be told apart: %q", r, other, r)
		}
		seen[r.String()+r.Spec()] = r
	}
	if len(seen) < 30 {
		t.Errorf("found only %d rules", len(seen))
	}
}
