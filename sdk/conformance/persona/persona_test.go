package persona_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance/persona"
)

func TestEachPersonaHasANameOfItsOwnAndSaysWhatItDoes(t *testing.T) {
	seen := map[string]bool{}
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, p := range persona.All() {
		if !name.MatchString(p.Name) || seen[p.Name] || len(p.About) < 10 || p.About[len(p.About)-1] != '.' {
			t.Errorf("%+v", p)
		}
		seen[p.Name] = true
	}
	if !seen["good"] {
		t.Error("there is no good one")
	}
}

func TestEachBrokenRuleIsInTheSpecification(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/spec/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no page was found: %v", err)
	}
	rules := map[string]bool{}
	heading := regexp.MustCompile(`(?m)^### ([a-z0-9-]+)$`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range heading.FindAllStringSubmatch(string(text), -1) {
			rules[found[1]] = true
		}
	}
	for _, p := range persona.All() {
		for _, rule := range p.Breaks {
			if !rules[rule] {
				t.Errorf("%s breaks %q, which no page has", p.Name, rule)
			}
		}
	}
}
