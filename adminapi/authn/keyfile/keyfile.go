// Package keyfile reads the small files that a sign-in rests on: a keytab, a
// client's secret. Whoever can read such a file can be the Admin API, so one that
// everybody can read is refused.
//
// On Windows the folder's access list guards it; what the installer sets there is
// enough. Start reading at [Read].
package keyfile

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

// MaxBytes is the longest file that is read.
const MaxBytes = 1 << 20

// Read returns the content. The group may read the file, so that it can belong to
// root; all others may not.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o027 != 0:
		return nil, fmt.Errorf("%s has mode %04o, so others could read or replace it; run: chmod g-w,o= %s, and replace the key if somebody may have read it",
			path, info.Mode().Perm(), path)
	case info.Size() == 0 || info.Size() > MaxBytes:
		return nil, fmt.Errorf("%s has %d bytes; expected 1 to %d", path, info.Size(), MaxBytes)
	}
	content := make([]byte, info.Size())
	if _, err := io.ReadFull(f, content); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return content, nil
}
