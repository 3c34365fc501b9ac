package builtin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/engine/connector/builtin"
)

func TestPageOfEveryKindHasTheTableOfItsSchema(t *testing.T) {
	for name, kind := range builtin.Kinds() {
		schema := kind.Schema()
		if err := schema.Err(); err != nil || !schema.Declared() {
			t.Errorf("the schema of %s: %v", name, err)
		}
		page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "connectors-"+name+".md"))
		if err != nil {
			t.Skipf("the pages of the repository are not beside this module: %v", err)
		}
		if table := schema.Markdown(); !strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), table) {
			t.Errorf("docs/connectors-%s.md lacks this table:\n%s", name, table)
		}
	}
}
