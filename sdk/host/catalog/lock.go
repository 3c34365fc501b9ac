package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// LockFile is the name of the file that pins the product's own plugins. The
// build writes it beside them.
const LockFile = "plugins.lock.json"

// lockVersion is the only layout there is so far.
const lockVersion = 1

// Lock is the content of a lock file.
type Lock struct {
	Version int                    `json:"version"`
	Plugins map[string]LockedEntry `json:"plugins"`

	path string
}

// LockedEntry pins one plugin on every platform it was built for.
type LockedEntry struct {
	// File is the name of the binary, without .exe.
	File    string `json:"file"`
	Version string `json:"version"`
	// Platforms by GOOS/GOARCH.
	Platforms map[string]LockedPlatform `json:"platforms"`
}

// LockedPlatform pins one file.
type LockedPlatform struct {
	Sha256 string `json:"sha256"`
}

var sha256Digits = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ReadLock reads and checks the lock file at path.
func ReadLock(path string) (*Lock, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist, so no plugin beside it can be trusted: "+
			"install the product's plugins together with this file, or set IdentityMesh:PluginFolder to where they are", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the plugins' lock file: %w", err)
	}
	lock := Lock{path: path}
	if err := json.Unmarshal(raw, &lock); err != nil {
		return nil, fmt.Errorf("%s is not a lock file: %w", path, err)
	}
	if lock.Version != lockVersion {
		return nil, fmt.Errorf("%s has layout version %d, this program reads %d", path, lock.Version, lockVersion)
	}
	for name, e := range lock.Plugins {
		if e.File == "" || filepath.Base(e.File) != e.File {
			return nil, fmt.Errorf("%s: the file of plugin %s must be a name without a folder", path, name)
		}
		for platform, p := range e.Platforms {
			if !sha256Digits.MatchString(p.Sha256) {
				return nil, fmt.Errorf("%s: the sha256 of plugin %s for %s must be 64 lower-case hexadecimal digits", path, name, platform)
			}
		}
	}
	return &lock, nil
}

func (l *Lock) find(folder, name, goos, goarch string) (Plugin, error) {
	p := Plugin{Name: name, Pin: l.path}
	e, ok := l.Plugins[name]
	if !ok {
		return p, fmt.Errorf("%s does not list the plugin %s", l.path, name)
	}
	platform := goos + "/" + goarch
	pin, ok := e.Platforms[platform]
	if !ok {
		return p, fmt.Errorf("%s does not list the plugin %s for %s", l.path, name, platform)
	}
	p.Path = filepath.Join(folder, e.File)
	if goos == "windows" {
		p.Path += ".exe"
	}
	p.SHA256, p.Version = pin.Sha256, e.Version
	return p, nil
}
