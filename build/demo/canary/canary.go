// Package canary looks for values that must not be where they can be read.
//
// Start reading at [Find].
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf16"
)

// Find returns the files, below each of the paths, that hold the value: as it is,
// in Base64, in hexadecimal or in UTF-16. A file that goes away meanwhile is left
// out.
func Find(value string, paths ...string) ([]string, error) {
	forms := forms(value)
	var found []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return passing(err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return passing(err)
			}
			if holds(content, forms) {
				found = append(found, file)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for a value: %w", err)
		}
	}
	return found, nil
}

// Holds reports whether the text has the value in one of these forms.
func Holds(text, value string) bool { return holds([]byte(text), forms(value)) }

func holds(content []byte, forms [][]byte) bool {
	for _, form := range forms {
		if bytes.Contains(content, form) {
			return true
		}
	}
	return false
}

func forms(value string) [][]byte {
	raw := []byte(value)
	var wide []byte
	for _, unit := range utf16.Encode([]rune(value)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	return [][]byte{
		raw, wide,
		[]byte(base64.RawStdEncoding.EncodeToString(raw)),
		[]byte(base64.RawURLEncoding.EncodeToString(raw)),
		[]byte(hex.EncodeToString(raw)), bytes.ToUpper([]byte(hex.EncodeToString(raw))),
	}
}

// passing returns nil for a file, or a process behind one, that went away.
func passing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
