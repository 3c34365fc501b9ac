//go:build unix

package audit

import (
	"errors"
	"fmt"
	"io/fs"
)

// onlyOwner fails when others may read or write the file.
func onlyOwner(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("is no file")
	}
	if mode := info.Mode(); mode.Perm()&0o077 != 0 {
		return fmt.Errorf("can be opened by others than its owner (mode %04o); run: chmod 0600", mode.Perm())
	}
	return nil
}
