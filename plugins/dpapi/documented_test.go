package dpapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi"
)

func TestPageHasTheTableOfTheSchema(t *testing.T) {
	schema := dpapi.Definition("0.0.1").Schema
	if err := schema.Err(); err != nil || !schema.Declared() {
		t.Error(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operate", "secrets-and-dpapi.md"))
	if err != nil {
		t.Skipf("the page of the repository is not beside this module: %v", err)
	}
	if table := schema.Markdown(); !strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), table) {
		t.Errorf("docs/operate/secrets-and-dpapi.md lacks this table:\n%s", table)
	}
}
