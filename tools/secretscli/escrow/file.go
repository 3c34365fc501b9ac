package escrow

import (
	"errors"
	"io"
	"io/fs"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// Create writes a file that only its owner may read, whole or not at all. One that
// exists stays unless replace is set.
func Create(path string, replace bool, write func(io.Writer) error) error {
	if replace {
		return wholefile.Replace(path, 0o600, write)
	}
	err := wholefile.Create(path, 0o600, write)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.AlreadyExists, fault.SourceConfig, path+" exists already, and was left alone")
	}
	return err
}
