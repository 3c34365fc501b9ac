package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
)

func TestPageHasTheTableOfTheSchema(t *testing.T) {
	schema := settings.Schema()
	if err := schema.Err(); err != nil {
		t.Error(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operate", "secrets-keyvault.md"))
	if err != nil {
		t.Skipf("the page of the repository is not beside this module: %v", err)
	}
	if table := schema.Markdown(); !strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), table) {
		t.Errorf("docs/operate/secrets-keyvault.md lacks this table:\n%s", table)
	}
}
