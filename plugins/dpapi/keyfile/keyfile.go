// Package keyfile keeps the key of this host: one file of the data folder with
// the host's id and a keyset, of which the primary key seals and every key opens.
//
// It creates the file, watches over who may use it, and changes it while other
// processes work with it. What is done with the keys is package protector's
// concern, where a key that encrypts them comes from package wrapping's. On
// Windows there is no such file. Start reading at [Folder].
package keyfile

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/identitymesh/identitymesh/plugins/dpapi/wrapping"
)

// ErrNone: on this system the keys are not in a file.
var ErrNone = errors.New("there is no key file on this system")

const (
	folderName = "keys"
	fileName   = "host.key"
)

// Folder is where the key file is.
type Folder struct {
	// DataFolder of the product.
	DataFolder string
	// Source wraps what is written from now on; nil leaves it in the clear. It is
	// also needed to read a file that was wrapped.
	Source wrapping.Source
	// Random makes the id of a new host; crypto/rand.Reader in production.
	Random io.Reader
}

// Path of the key file.
func (f Folder) Path() string { return filepath.Join(f.path(), fileName) }

func (f Folder) path() string { return filepath.Join(f.DataFolder, folderName) }
