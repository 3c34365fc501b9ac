package persona_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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

// A persona that neither breaks a rule nor is played to the host would rot.
func TestEachPersonaIsPlayed(t *testing.T) {
	tests, err := filepath.Glob("../../host/persona_*test.go")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no test of the host was found: %v", err)
	}
	played := ""
	for _, test := range tests {
		text, err := os.ReadFile(test)
		if err != nil {
			t.Fatal(err)
		}
		played += string(text)
	}
	for _, p := range persona.All() {
		if len(p.Breaks) == 0 && !strings.Contains(played, strconv.Quote(p.Name)) {
			t.Errorf("%s breaks no rule, and no test of the host plays it", p.Name)
		}
	}
}

func TestPageOnSecurityNamesPersonasThatExist(t *testing.T) {
	page, err := os.ReadFile("../../../docs/spec/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## What a hostile plugin can do")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the page has no such section")
	}
	known := map[string]bool{}
	for _, p := range persona.All() {
		known[p.Name] = true
	}
	rows := regexp.MustCompile(`(?m)^\|[^|]*\|[^|]*\|([^|]*)\|$`)
	names := regexp.MustCompile("`([a-z-]+)`")
	count := 0
	for _, row := range rows.FindAllStringSubmatch(section, -1) {
		for _, name := range names.FindAllStringSubmatch(row[1], -1) {
			if count++; !known[name[1]] {
				t.Errorf("the page names %s, which is no persona", name[1])
			}
		}
	}
	if count == 0 {
		t.Error("no row names a persona")
	}
}
