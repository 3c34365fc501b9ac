package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The operators' page names every command and option that --help shows.
func TestEverythingIsDocumented(t *testing.T) {
	const path = "../../../docs/secretscli.md"
	text, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: the documentation is not beside this module: %v", err)
	}
	page := string(text)
	w := newWorld(t)
	option := regexp.MustCompile(`(?m)^   (--[a-z-]+)`)
	found := 0
	for _, command := range []string{"", "set", "describe", "list", "delete", "name", "doctor", "key", "key status", "key rotate", "key retire",
		"plugin", "plugin list", "plugin verify", "plugin lock", "plugin inspect", "plugin check",
		"dr", "dr check", "dr export", "dr import", "dr show", "dr keygen", "dr share"} {
		if command != "" && !strings.Contains(page, "## "+command+"\n") {
			t.Errorf("no section about %s", command)
		}
		help, _ := w.run("", 0, append(strings.Fields(command), "--help")...)
		for _, match := range option.FindAllStringSubmatch(help, -1) {
			found++
			if !strings.Contains(page, "`"+match[1]) {
				t.Errorf("%s %s is not documented", command, match[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d options were found in the help", found)
	}
}
