//go:build unix

package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// syncFolder brings new, renamed and removed names in a folder to the disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// whoEnters says who can enter a folder, by its permissions.
func whoEnters(info fs.FileInfo) string {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Sprintf("other users may see its names (mode %#o, 0700 is better)", mode)
	}
	return "nobody but its owner can enter it"
}
