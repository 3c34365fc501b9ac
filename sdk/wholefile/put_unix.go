//go:build unix

package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func open(path string) (*os.File, error) { return os.Open(path) }

func rename(from, to string) error { return os.Rename(from, to) }

// renameNew fails where there is anything at to. A link does so on every file
// system that has links; those of memory sticks have none.
func renameNew(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		_ = os.Remove(from)
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	if exclusive := renameExclusive(from, to); !errors.Is(exclusive, errors.ErrUnsupported) {
		return exclusive
	}
	return err
}

// keepOwner gives f to the owner of the file that it replaces, which only root
// has to, and only root can.
func keepOwner(f *os.File, old fs.FileInfo) error {
	stat, ok := old.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

// syncFolder makes the name durable. A file system that cannot do that is no
// reason to call the file unwritten.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
