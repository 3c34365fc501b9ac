package appsettings_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// reference returns the operators' page, which stands beside the module in the
// repository but not in a copy of the module alone.
func reference(t *testing.T) string {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Skipf("the page of the repository is not beside this module: %v", err)
	}
	return strings.ReplaceAll(string(page), "\r\n", "\n")
}

func TestEveryExampleOfThePageLoadsWithoutAProblem(t *testing.T) {
	page := reference(t)
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(page, -1)
	if len(examples) < 7 {
		t.Fatalf("found only %d examples", len(examples))
	}
	var withPlugin string
	for _, example := range examples {
		mustLoad(t, base(example[1]))
		if strings.Contains(example[1], `"acme"`) {
			withPlugin = example[1]
		}
	}

	shell := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(page)
	s, _ := mustLoad(t, base(withPlugin), strings.Split(strings.TrimSpace(shell[1]), "\n")...)
	if s.Secrets.Provider != "AzureKeyVault" || s.Engine.MaxConcurrentRuns != 8 ||
		s.Secrets.Plugins["acme"].Environment[0] != "HTTPS_PROXY" {
		t.Errorf("the variables of the page had no effect: %+v", s)
	}
}

func TestThePageShowsMessagesAsTheyAre(t *testing.T) {
	page := reference(t)
	_, wrong, _ := load(t, base("{\n\"Engine\": {\n\"MaxConcurrentRuns\": 0}}"), "Logging__Level=loud")
	_, unknown, _ := load(t, base(`{"Secrets":{"Provder":"x"}}`))
	for _, d := range append(wrong, unknown...) {
		if !strings.Contains(page, "    "+d.String()+"\n") {
			t.Errorf("not on the page: %s", d)
		}
	}
}

func TestEveryKeyIsOnThePage(t *testing.T) {
	page := reference(t)
	s, _ := mustLoad(t, base(plugin("Version", `"1"`)))
	for _, key := range s.Keys() {
		path := strings.ReplaceAll(key.Path, ":acme:", ":<Name>:")
		if !strings.Contains(page, "`"+path+"`") {
			t.Errorf("%s is not on the page", path)
		}
	}
}
