package keyvault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// gap stands for what varies, in the page as in the texts of the source.
const gap = "…"

// TestThePageHasTheMessagesOfTheSource holds the tables of messages of the
// operators' page against the texts that the source is made of: what the page
// quotes is said somewhere, and what is said about a failure is quoted.
func TestThePageHasTheMessagesOfTheSource(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "operate", "secrets-keyvault.md"))
	if err != nil {
		t.Skipf("the page of the repository is not beside this module: %v", err)
	}
	page := strings.ReplaceAll(string(raw), "\r\n", "\n")
	_, messages, found := strings.Cut(page, "### Messages")
	messages, _, _ = strings.Cut(messages, "\n## ")
	if !found {
		t.Fatal("the page has no section Messages")
	}
	texts := map[string][]string{} // by file
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "fakevault" || entry.Name() == "e2e"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			texts[filepath.ToSlash(path)], err = textsOf(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	quoted := 0
	for _, q := range regexp.MustCompile("`[^`\n]*`").FindAllString(messages, -1) {
		q = strings.Trim(q, "`")
		if strings.HasPrefix(q, "az ") || len(strings.Fields(q)) < 3 {
			continue // a command or a name
		}
		quoted++
		for part := range strings.SplitSeq(q, gap) {
			if part = strings.Trim(part, " :;,.()"); !said(part, texts) {
				t.Errorf("no source says what the page quotes: %q of %q", part, q)
			}
		}
	}
	if quoted < 80 {
		t.Errorf("only %d messages found in the page", quoted)
	}

	// Texts of a sentence's worth of words are for operators; shorter ones are parts.
	const enough = 5
	for file, list := range texts {
		for _, text := range list {
			for part := range strings.SplitSeq(text, gap) {
				part = strings.Trim(part, ":;,. ")
				if len(strings.Fields(part)) >= enough && !strings.Contains(page, part) {
					t.Errorf("the page does not have what %s says: %s", file, part)
				}
			}
		}
	}
}

func said(part string, texts map[string][]string) bool {
	for _, list := range texts {
		if slices.ContainsFunc(list, func(text string) bool { return strings.Contains(text, part) }) {
			return true
		}
	}
	return false
}

// textsOf returns the texts of a file, those that are put together by + as one,
// with a gap for what is not a text.
func textsOf(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var texts []string
	ast.Inspect(file, func(n ast.Node) bool {
		expression, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		text, is := textOf(expression)
		if is {
			texts = append(texts, regexp.MustCompile(`%[a-zA-Z]`).ReplaceAllString(text, gap))
		}
		return !is
	})
	return texts, nil
}

func textOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return textOf(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, l := textOf(e.X)
		right, r := textOf(e.Y)
		if !l {
			left = gap
		}
		if !r {
			right = gap
		}
		return left + right, l || r
	}
	return "", false
}
