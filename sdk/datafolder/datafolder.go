// Package datafolder makes the data folder so that nobody but the product's services
// and administrators can look into it, and refuses one that others can open.
//
// Everything of value on a host lies there: the database with the sealed secrets,
// the keys, the administrator's token. On Windows its access list is what keeps other
// accounts from the secrets, because DPAPI opens a sealed value for whoever is on the
// machine and has it. Files below are made by others and protected by the folder.
// Start reading at [Prepare].
package datafolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// OpenError is a folder that others can open, and that was not closed.
type OpenError struct {
	Path string
	// Who can open it, in the words of the system.
	Who string
	// Next is what an administrator should do.
	Next string
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("the data folder %s can be opened by %s, and with it the secrets and keys that lie there; %s", e.Path, e.Who, e.Next)
}

// Prepare makes the folder if it is not there, for the account of this process, the
// services of the product and administrators. One that is there and that others can
// open is closed when it is empty or holds what the product wrote, and closed then
// says who could open it; any other one gives an [*OpenError], because it may be
// shared on purpose.
func Prepare(folder string) (closed string, err error) {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", fmt.Errorf("make the folder of the data folder: %w", err)
	}
	err = create(folder)
	switch {
	case err == nil:
		return "", nil
	case !errors.Is(err, fs.ErrExist):
		return "", fmt.Errorf("make the data folder (IdentityMesh:DataFolder): %w", err)
	}
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is a file", folder)
	}
	if err != nil {
		return "", fmt.Errorf("look at the data folder (IdentityMesh:DataFolder): %w", err)
	}
	who, err := openTo(folder, info)
	if err != nil {
		return "", fmt.Errorf("look at the rights on the data folder: %w", err)
	}
	if who == "" {
		return "", nil
	}
	if !isOurs(folder) {
		return "", &OpenError{Path: folder, Who: who, Next: "set IdentityMesh:DataFolder to a folder of its own, or " + closing(folder)}
	}
	if err := closeTo(folder); err != nil {
		return "", &OpenError{Path: folder, Who: who, Next: fmt.Sprintf("it could not be closed (%v): %s", err, closing(folder))}
	}
	return who, nil
}

// isOurs reports whether the folder is empty or holds what only the product writes.
// Taking the rights of others from any other folder could stop a whole system, as
// from C:\ or /var.
func isOurs(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && (len(entries) == 0 || slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		lock := strings.HasPrefix(e.Name(), "engine-") && strings.HasSuffix(e.Name(), ".lock")
		return lock || slices.Contains([]string{"identitymesh.db", "admin-token", "appsettings.json"}, e.Name())
	}))
}
