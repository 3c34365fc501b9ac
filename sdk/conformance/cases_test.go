package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

const specFolder = "../../docs/spec"

// unchecked are the rules that no run of a plugin can show broken, and why.
func unchecked() map[string]string {
	const (
		host    = "about what a host does"
		unheard = "what follows a failure of the store, which a run cannot bring about"
		life    = "about more than one release, or the whole life of a secret"
	)
	return map[string]string{
		"answer-that-breaks-the-contract-hides-a-write":  host,
		"older-major-is-served-until-the-next-one":       host,
		"the-end-of-a-plugin-is-bounded":                 host,
		"times-inform-only":                              host,
		"log-lines-stay-within-the-limits":               "about what a host keeps; a plugin may write more",
		"list-fails-rather-than-leaves-out":              unheard,
		"unknown-outcome-says-so":                        unheard,
		"name-stays-the-same-for-ever":                   life,
		"version-is-the-one-that-is-pinned":              life,
		"plugin-is-one-self-contained-file":              "about how a plugin is built and installed",
		"refs-are-not-secret-and-not-for-everybody":      "about traces and stores, which a run does not see",
		"spans-carry-no-refs-and-no-texts":               "about traces, which a run does not see",
		"refusal-comes-before-the-headers-of-a-response": "seen as answer-is-a-message-of-the-contract or messages-are-within-four-mebibytes, for which a host takes it",
		"get-leaves-no-copy":                             "seen as value-stays-where-it-belongs, log-holds-no-value and error-holds-no-value",
		"config-schema-describes-every-key":              "about what the author means by a key",
	}
}

func TestEachCaseIsARuleOfTheSpecificationAndEachRuleIsCheckedOrSaidNotToBe(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(specFolder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) == 0 {
		if _, err := os.Stat("../../go.work"); os.IsNotExist(err) {
			t.Skip("the specification is not part of the module alone")
		}
		t.Fatal("no page was found")
	}
	heading := regexp.MustCompile(`(?m)^### ([a-z0-9]+(?:-[a-z0-9]+)+)$`)
	rules := map[string]string{} // by name, the page
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
			rules[m[1]] = filepath.Base(page)
		}
	}
	cases, except := map[string]bool{}, unchecked()
	for _, c := range conformance.Cases() {
		if cases[c.Name] {
			t.Errorf("there are two cases %s", c.Name)
		}
		cases[c.Name] = true
		if rules[c.Name] != c.Page {
			t.Errorf("the case %s is a rule of %s, which has no such heading (found in %q)", c.Name, c.Page, rules[c.Name])
		}
		if !strings.HasSuffix(c.Spec(), c.Page+"#"+c.Name) || c.About == "" {
			t.Errorf("the case %s says %q and %q", c.Name, c.Spec(), c.About)
		}
		if except[c.Name] != "" {
			t.Errorf("the case %s is said not to be checked", c.Name)
		}
	}
	for name, page := range rules {
		if !cases[name] && except[name] == "" {
			t.Errorf("%s has the rule %s, which no case checks", page, name)
		}
	}
	for name := range except {
		if rules[name] == "" {
			t.Errorf("%s is said not to be checked, and no page has it", name)
		}
	}
}
