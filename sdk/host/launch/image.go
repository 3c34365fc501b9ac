package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// HashError is a plugin file that is not the one that was pinned.
type HashError struct {
	// Plugin is its name in the configuration.
	Plugin, Path string
	// Want and Found are SHA-256 in hexadecimal digits.
	Want, Found string
	// Pin says where Want stands, as in a lock file or a configuration key.
	Pin string
}

func (e *HashError) Error() string {
	return fmt.Sprintf("plugin file %s has SHA-256 %s, but %s pins %s: it is another build or was changed; "+
		"install it again, or if it is the file you trust, run: secretscli plugin lock %s", e.Path, e.Found, e.Pin, e.Want, e.Plugin)
}

// openVerified opens the plugin's file once, hashes what it opened and compares.
// The caller runs exactly the returned file, so a file that is swapped in later
// under the same path never runs.
func openVerified(c Config) (*os.File, error) {
	f, err := openImage(c.Path)
	if err != nil {
		return nil, cannotOpen(c.Path, err)
	}
	found, err := hashRegular(f)
	if err == nil && !strings.EqualFold(found, c.SHA256) {
		err = &HashError{Plugin: c.Name, Path: c.Path, Want: strings.ToLower(c.SHA256), Found: found, Pin: c.Pin}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func hashRegular(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("look at the plugin file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("plugin file %s is not a regular file", f.Name())
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read the plugin file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Hash returns the SHA-256 of the file at path in hexadecimal digits. What is no
// regular file is an error, a named pipe without a writer among them.
func Hash(path string) (string, error) {
	f, err := openImage(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return hashRegular(f)
}
