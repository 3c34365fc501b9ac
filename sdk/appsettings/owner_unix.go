//go:build !windows

package appsettings

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f to the owner of the file that it replaces, which only root
// has to, and only root can.
func keepOwner(f *os.File, old fs.FileInfo) error {
	stat, ok := old.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}
