//go:build unix

package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ensureFolder makes folder, 0700, and refuses one that others can change or
// look into: whoever may replace the key decides what the product encrypts with.
func ensureFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return &Error{Path: folder, Problem: "cannot be kept: the folder cannot be made", Err: err}
	}
	info, err := os.Stat(folder)
	if err != nil {
		return &Error{Path: folder, Problem: "cannot be kept: the folder cannot be read", Err: err}
	}
	return refuseShared(folder, info, 0o700)
}

// readPrivate returns the content of a file that only we may use. The checks are
// made on the open file, and a symbolic link is not followed, so that it cannot
// be exchanged in between. A missing file is fs.ErrNotExist.
func readPrivate(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, err
	case err != nil:
		problem := "cannot be opened by " + userName(os.Geteuid())
		if info, statErr := os.Lstat(path); statErr == nil {
			problem += " (" + describe(info) + ")"
		}
		return nil, nil, &Error{Path: path, Problem: problem, Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, &Error{Path: path, Problem: "cannot be read", Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &Error{Path: path, Problem: "is not a regular file (" + describe(info) + ")"}
	}
	if err := refuseShared(path, info, 0o600); err != nil {
		return nil, nil, err
	}
	if info.Size() > maxSize {
		return nil, nil, &Error{Path: path, Problem: fmt.Sprintf("has %d bytes; no key file is that long", info.Size()), Damaged: true}
	}
	content := make([]byte, info.Size())
	if _, err := io.ReadFull(f, content); err != nil {
		clear(content)
		return nil, nil, &Error{Path: path, Problem: "cannot be read", Err: err}
	}
	return content, info, nil
}

// refuseShared returns an error when others than this process's user own path
// or have any right beyond allowed.
func refuseShared(path string, info fs.FileInfo, allowed fs.FileMode) error {
	if owner(info) != os.Geteuid() {
		return &Error{Path: path, Problem: fmt.Sprintf("belongs to another user (%s) than this process runs as (%s); run as the owner, or give it to this user",
			describe(info), userName(os.Geteuid()))}
	}
	if info.Mode().Perm()&^allowed != 0 {
		return &Error{Path: path, Problem: fmt.Sprintf("is open to others (%s); run: chmod %04o %s, and set the secrets again if others may have read it",
			describe(info), allowed, path)}
	}
	return nil
}

func describe(info fs.FileInfo) string {
	return fmt.Sprintf("mode %04o, owner %s", info.Mode().Perm(), userName(owner(info)))
}

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username + " (" + id + ")"
	}
	return id
}
