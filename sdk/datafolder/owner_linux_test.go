package datafolder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

func TestRootDoesNotWriteIntoTheFolderOfTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root could lock the owner out, and this test does not run as root")
	}
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, 1, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := datafolder.Prepare(folder); err == nil || !strings.Contains(err.Error(), "run it as that user") {
		t.Errorf("got %v", err)
	}
}
