package authors_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a page.
type block struct {
	page string
	line int
	// language is the word behind the fence.
	language string
	// file is what the line `name`: before the fence says that the text goes into.
	file string
	text string
}

var fileName = regexp.MustCompile("^`([^`]+)`:$")

// blocks returns those of a page, in order.
func blocks(t *testing.T, path string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, inside := "", false
	for n, line := range strings.Split(string(text), "\n") {
		switch fence, isFence := strings.CutPrefix(line, "```"); {
		case isFence && inside:
			inside = false
		case isFence:
			all = append(all, block{page: filepath.Base(path), line: n + 1, language: fence, file: file})
			file, inside = "", true
		case inside:
			all[len(all)-1].text += line + "\n"
		case fileName.MatchString(line):
			file = fileName.FindStringSubmatch(line)[1]
		case line != "":
			file = ""
		}
	}
	if inside {
		t.Errorf("%s ends within a block", path)
	}
	return all
}

// pages are the numbered ones, in order.
func pages(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "authors", "[0-9]-*.md"))
	if err != nil || len(found) < 8 {
		t.Fatalf("found %v: %v", found, err)
	}
	return found
}

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	noAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// checkLinks follows every relative link of a page.
func checkLinks(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range links.FindAllStringSubmatch(string(text), -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, "://") {
			continue
		}
		to := path
		if target != "" {
			to = filepath.Join(filepath.Dir(path), target)
		}
		if _, err := os.Stat(to); err != nil {
			t.Errorf("%s links to %s: %v", path, m[1], err)
			continue
		}
		if anchor != "" && !anchors(t, to)[anchor] {
			t.Errorf("%s links to %s, which has no such anchor", path, m[1])
		}
	}
}

func anchors(t *testing.T, path string) map[string]bool {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, m := range headings.FindAllStringSubmatch(string(text), -1) {
		all[strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}
