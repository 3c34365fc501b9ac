package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// LockName is the file name of the lock file; it stands beside the binaries.
const LockName = "plugins.lock.json"

// lockFormat is the version of the file's layout.
const lockFormat = 1

// Pin is what the lock file is to say about one plugin on one target.
type Pin struct {
	// File is the name of the binary, without .exe.
	File string
	// Sha256 is the lower-case hexadecimal SHA-256 of the binary.
	Sha256 string
}

// The layout that hosts read; they know it under the same version number.
type lockFile struct {
	Version int                    `json:"version"`
	Plugins map[string]lockedEntry `json:"plugins"`
}

type lockedEntry struct {
	File      string                    `json:"file"`
	Version   string                    `json:"version"`
	Platforms map[string]lockedPlatform `json:"platforms"`
}

type lockedPlatform struct {
	Sha256 string `json:"sha256"`
}

// WriteLock puts the pins, by plugin, into the lock file, which it replaces as a
// whole. What the file says about other targets stays as long as it is about the
// same version; what it says about plugins that are not given stays too.
func WriteLock(file, version string, target Target, pins map[string]Pin) error {
	lock, err := readLock(file)
	if err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	for name, pin := range pins {
		entry, known := lock.Plugins[name]
		if !known || entry.Version != version || entry.File != pin.File || entry.Platforms == nil {
			entry = lockedEntry{File: pin.File, Version: version, Platforms: map[string]lockedPlatform{}}
		}
		entry.Platforms[target.String()] = lockedPlatform{Sha256: pin.Sha256}
		lock.Plugins[name] = entry
	}
	data, err := json.MarshalIndent(lock, "", "  ")
	if err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if err := replace(file, append(data, '\n')); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return nil
}

func readLock(file string) (lockFile, error) {
	lock := lockFile{Version: lockFormat, Plugins: map[string]lockedEntry{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return lock, nil
	}
	if err != nil {
		return lock, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&lock); err != nil {
		return lock, fmt.Errorf("%s is damaged, remove it and build again: %w", file, err)
	}
	if lock.Version != lockFormat {
		return lock, fmt.Errorf("%s has layout version %d, this build writes %d: remove it and build again", file, lock.Version, lockFormat)
	}
	if lock.Plugins == nil {
		lock.Plugins = map[string]lockedEntry{}
	}
	return lock, nil
}

// replace writes the file so that a reader sees either the old or the new one.
func replace(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".lock-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func fileSum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
