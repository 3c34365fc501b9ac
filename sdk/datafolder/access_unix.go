//go:build unix

package datafolder

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

const private = 0o700

func create(folder string) error { return os.Mkdir(folder, private) }

// openTo says who else can open the folder, "" for nobody. The group of a folder that
// belongs to somebody else is how this process got in.
func openTo(folder string, info fs.FileInfo) (string, error) {
	owner := os.Geteuid()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(stat.Uid)
	}
	mode := info.Mode().Perm()
	switch {
	case owner != os.Geteuid() && os.Geteuid() == 0:
		// What root makes there could never be opened by the owner again.
		return "", fmt.Errorf("%s belongs to %s and this process runs as root; run it as that user", folder, name(owner))
	case mode&0o007 != 0:
		return fmt.Sprintf("all users of this host (mode %04o)", mode), nil
	case mode&0o070 != 0 && owner == os.Geteuid():
		return fmt.Sprintf("its group (mode %04o)", mode), nil
	}
	return "", nil
}

func name(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}

func closeTo(folder string) error { return os.Chmod(folder, private) }

func closing(folder string) string { return fmt.Sprintf("run: chmod 0700 %s", folder) }
