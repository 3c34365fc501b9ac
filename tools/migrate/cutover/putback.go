package cutover

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// putBack restores the files from their backups.
func (f Files) putBack(done Backups) error {
	var errs []error
	for _, d := range done {
		before, err := os.ReadFile(d.Backup)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was as wanted before
		}
		if err == nil {
			err = wholefile.Amend(d.File, func(w io.Writer) error { _, err := w.Write(before); return err })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s was written and could not be put back; its backup is %s: %w", d.File, d.Backup, err))
		}
	}
	return errors.Join(errs...)
}
