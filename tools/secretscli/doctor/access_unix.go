//go:build unix

package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// access judges the owner and the mode of the data folder: it holds the key of
// this host.
func access(path string, info fs.FileInfo) (status Status, message, next string) {
	mode := info.Mode().Perm()
	private := fmt.Sprintf("chmod 0700 %s", path)
	stat, known := info.Sys().(*syscall.Stat_t)
	switch {
	case mode&0o022 != 0:
		return Fail, fmt.Sprintf("%s has mode %04o: others can change what is in it", path, mode), private
	case known && int(stat.Uid) != os.Geteuid():
		return Warn, fmt.Sprintf("%s belongs to %s, and this runs as %s: files made now belong to the latter", path, account(int(stat.Uid)), account(os.Geteuid())),
			"run secretscli as " + account(int(stat.Uid))
	case mode&0o055 != 0:
		return Warn, fmt.Sprintf("%s has mode %04o: others can look into it", path, mode), private
	}
	return OK, fmt.Sprintf("%s belongs to %s and has mode %04o", path, account(os.Geteuid()), mode), ""
}

func account(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(id)
}
