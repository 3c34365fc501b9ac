package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// A secret is a folder of the name that naming.Name gives its ref. Each version is
// a file there, written under another name and then renamed, so that it is there
// whole or not at all. Two empty files mark the folder's state; each comes into
// being in one step, which is the moment of the delete and of the purge.
const (
	markDeleted = "deleted"
	// markPurged outlives everything else in the folder, so that a purge that was
	// cut short is a purge all the same.
	markPurged = "purged"
	tempPrefix = ".tmp-"
)

// Versions sort by their number. The random end keeps a secret that was purged and
// made again from using a version for a second time.
var (
	versionName = regexp.MustCompile(`^[0-9]{10}-[0-9a-f]{8}$`)
	secretName  = regexp.MustCompile(`^im-[0-9a-f]{32}$`)
)

// entry is what the folder of one secret holds.
type entry struct {
	name     string
	versions []string // oldest first
	deleted  bool
	purged   bool
	temp     []string
}

// look lists the folder of a secret; one that is not there is an entry without
// versions. A store that is not there is an error: "could not read" is never "is
// empty".
func (s *Store) look(name string) (entry, error) {
	e := entry{name: name}
	files, err := os.ReadDir(filepath.Join(s.folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(s.folder)
		return e, err
	}
	if err != nil {
		return e, err
	}
	for _, f := range files {
		switch n := f.Name(); {
		case n == markDeleted:
			e.deleted = true
		case n == markPurged:
			e.purged = true
		case strings.HasPrefix(n, tempPrefix):
			e.temp = append(e.temp, n)
		case versionName.MatchString(n):
			e.versions = append(e.versions, n)
		}
	}
	return e, nil
}

func (e entry) there() bool       { return !e.purged && !e.deleted && len(e.versions) > 0 }
func (e entry) recoverable() bool { return !e.purged && e.deleted && len(e.versions) > 0 }

// mustBeThere returns why there is nothing to serve, or nil.
func (e entry) mustBeThere(ref secret.Ref) error {
	switch {
	case e.there():
		return nil
	case e.recoverable():
		return fault.New(fault.Deleted, fault.SourceBackend, fmt.Sprintf("%s was deleted and can be recovered", ref))
	}
	return fault.New(fault.NotFound, fault.SourceBackend, fmt.Sprintf("%s: there is no such secret", ref))
}

// choose looks a version up rather than making a path of it: it comes from
// outside, and could be "../..".
func (e entry) choose(version secret.Version) (string, bool) {
	if version == secret.Current {
		return e.current(), true
	}
	i := slices.Index(e.versions, string(version))
	if i < 0 {
		return "", false
	}
	return e.versions[i], true
}

func (e entry) current() string { return e.versions[len(e.versions)-1] }

// nextNumber is the one after the newest version's.
func (e entry) nextNumber() int {
	if e.purged || len(e.versions) == 0 {
		return 1
	}
	digits, _, _ := strings.Cut(e.current(), "-")
	n, _ := strconv.Atoi(digits) // ten digits, see versionName
	return n + 1
}
