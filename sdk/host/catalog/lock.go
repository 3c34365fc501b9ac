package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// LockFile is the name of the file that pins the product's own plugins. The
// build writes it beside them.
const LockFile = "plugins.lock.json"

// OwnLockFile returns the name of the lock file that a plugin of ours may have
// to itself, beside it, as in identitymesh-plugin-dpapi.lock.json. It has the
// layout of [LockFile] and wins over that one. A package that brings one plugin
// brings its pin so, and no two packages have to share a file.
func OwnLockFile(plugin string) string { return filePrefix + plugin + ".lock.json" }

// lockFor returns the lock file that is in force for the plugin in the folder.
// One that is there and cannot be looked at is in force: it must not be passed
// over for one that vouches for another file.
func lockFor(folder, plugin string) string {
	own := filepath.Join(folder, OwnLockFile(plugin))
	if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(folder, LockFile)
	}
	return own
}

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
	f, err := wholefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingError{path}
	}
	var raw []byte
	if err == nil {
		raw, err = io.ReadAll(f)
		_ = f.Close()
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

type missingError struct{ path string }

func (e *missingError) Error() string {
	return e.path + " does not exist, so no plugin beside it can be trusted: " +
		"install the product's plugins together with this file, or set IdentityMesh:PluginFolder to where they are"
}

func (e *missingError) Unwrap() error { return fs.ErrNotExist }

// Pin is what a lock file is to say about one plugin on one platform.
type Pin struct {
	// File is the name of the binary, without .exe.
	File string
	// Sha256 is the SHA-256 of the binary in lower-case hexadecimal digits.
	Sha256 string
}

// UpdateLock puts the pins, by plugin, into the lock file at path, which it
// replaces as a whole. What the file says about other platforms stays as long as
// it is about the same version; what it says about plugins that are not given
// stays too. A file that cannot be read is not guessed at.
func UpdateLock(path, version, platform string, pins map[string]Pin) error {
	lock, err := ReadLock(path)
	if errors.Is(err, fs.ErrNotExist) {
		lock, err = &Lock{Version: lockVersion}, nil
	}
	if err != nil {
		return fmt.Errorf("update the lock file (remove it to begin anew): %w", err)
	}
	if lock.Plugins == nil {
		lock.Plugins = map[string]LockedEntry{}
	}
	for name, pin := range pins {
		e, known := lock.Plugins[name]
		if !known || e.Version != version || e.File != pin.File || e.Platforms == nil {
			e = LockedEntry{File: pin.File, Version: version, Platforms: map[string]LockedPlatform{}}
		}
		e.Platforms[platform] = LockedPlatform{Sha256: pin.Sha256}
		lock.Plugins[name] = e
	}
	data, err := json.MarshalIndent(lock, "", "  ")
	if err == nil {
		err = wholefile.Replace(path, 0o644, func(w io.Writer) error { _, err := w.Write(append(data, '\n')); return err })
	}
	if err != nil {
		return fmt.Errorf("update the lock file: %w", err)
	}
	return nil
}

func (l *Lock) find(p Plugin, folder, goos, goarch string) (Plugin, error) {
	e, ok := l.Plugins[p.Name]
	if !ok {
		return p, fmt.Errorf("%s does not list the plugin %s", l.path, p.Name)
	}
	p.Path, p.Version = filepath.Join(folder, e.File+executable), e.Version
	platform := goos + "/" + goarch
	pin, ok := e.Platforms[platform]
	if !ok {
		return p, fmt.Errorf("%s does not list the plugin %s for %s", l.path, p.Name, platform)
	}
	p.SHA256 = pin.Sha256
	return p, nil
}
