package wine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
)

// What is replaced in Go's own source: Wine 8 answers "not implemented" when it is
// asked to delete a file as POSIX does, and Go does not count that answer among
// those that make it fall back to deleting as Windows did before.
const (
	deleting = "src/internal/syscall/windows/at_windows.go"
	before   = "case STATUS_INVALID_INFO_CLASS,"
	after    = "case NTStatus(0xC0000002), STATUS_INVALID_INFO_CLASS,"
)

var errMoved = errors.New("Go's source is not as it was: look for STATUS_INVALID_INFO_CLASS in its internal/syscall/windows, or see whether Wine can do without by now")

// writeOverlay writes a file for go's flag -overlay into the folder, and what it
// refers to, and returns its path.
func writeOverlay(ctx context.Context, folder string) (string, error) {
	root, err := command.Run(ctx, command.Spec{Args: []string{"go", "env", "GOROOT"}})
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(root), deleting)
	source, err := os.ReadFile(original)
	if err == nil && bytes.Count(source, []byte(before)) != 1 {
		err = errMoved
	}
	if err != nil {
		return "", fmt.Errorf("make Go delete files under Wine: %w", err)
	}
	changed, overlay := filepath.Join(folder, "at_windows.go"), filepath.Join(folder, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(
		os.WriteFile(changed, bytes.Replace(source, []byte(before), []byte(after), 1), 0o600),
		os.WriteFile(overlay, list, 0o600))
}
