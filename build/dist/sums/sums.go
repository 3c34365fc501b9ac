// Package sums writes the list of the SHA-256 of files, in the format that
// "sha256sum --check" reads. Start reading at [Write].
package sums

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// File is the name of the list.
const File = "SHA256SUMS"

// Write writes the list of the named files of the folder into the folder, sorted
// by name, and returns its path.
func Write(folder string, names []string) (string, error) {
	names = slices.Sorted(slices.Values(names))
	var text strings.Builder
	for _, name := range names {
		sum, err := launch.Hash(filepath.Join(folder, name))
		if err != nil {
			return "", fmt.Errorf("list the sums of what was made: %w", err)
		}
		// Two blanks: the file is read as text or binary, which is one on every system of today.
		fmt.Fprintf(&text, "%s  %s\n", sum, name)
	}
	out := filepath.Join(folder, File)
	return out, os.WriteFile(out, []byte(text.String()), 0o644)
}
