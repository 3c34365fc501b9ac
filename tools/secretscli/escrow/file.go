package escrow

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Create writes a file that only its owner may read, whole or not at all. One that
// exists stays unless replace is set.
func Create(path string, replace bool, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return exists(path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".escrow-") // with the permissions 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(f.Name(), path)
	}
	// A link fails where a file has come meanwhile; a rename would replace it.
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return exists(path)
		}
		return os.Rename(f.Name(), path) // the file system has no links
	}
	return os.Remove(f.Name())
}

func exists(path string) error {
	return fault.New(fault.AlreadyExists, fault.SourceConfig, path+" exists already, and was left alone")
}
