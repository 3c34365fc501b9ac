// Package wholefile writes a file whole or not at all: a reader sees the old
// content or the new one, and a machine that loses power keeps one of them.
//
// The new content is written beside the file, as its name with .*.tmp behind it,
// flushed to the disk and put in the file's place. Only a process that is killed
// in between leaves such a file; whoever needs that gone removes it, under a lock
// of its own. What the content is, and who may write it, is the caller's. Start
// reading at [Replace]; who reads such a file while others may write it does so with
// [Open].
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes the file at path, in the place of one that is there, with the
// permissions mode. A symbolic link at path is replaced, not followed.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	return put(path, func(f *os.File) error { return f.Chmod(mode) }, write, rename)
}

// Create writes the file at path with the permissions mode. Where anything is
// there already, that stays and the error is [fs.ErrExist], also when it came
// while write was at work. On a file system that cannot promise that, it fails.
func Create(path string, mode fs.FileMode, write func(io.Writer) error) error {
	// Asked first, so that nothing is written for nothing; what decides is the end.
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return put(path, func(f *os.File) error { return f.Chmod(mode) }, write, renameNew)
}

// Amend writes the file that path leads to, which must exist. Symbolic links are
// followed. Its permissions stay, and so does its owner as far as this process
// may give files away.
func Amend(path string, write func(io.Writer) error) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return Like(path, path, write)
}

// Like is [Replace] with the permissions and, as in [Amend], the owner of the
// file model.
func Like(path, model string, write func(io.Writer) error) error {
	old, err := os.Stat(model)
	if err != nil {
		return err
	}
	return put(path, func(f *os.File) error {
		// The owner first: giving a file away may take bits of its mode.
		return errors.Join(keepOwner(f, old), f.Chmod(old.Mode().Perm()))
	}, write, rename)
}

// Open opens a file for reading that may be replaced at any moment: what is read
// is the old content or the new one. On Windows that takes more than [os.Open],
// which fails while the file is being moved into its place.
func Open(path string) (*os.File, error) { return open(path) }

func put(path string, dress func(*os.File) error, write func(io.Writer) error, move func(from, to string) error) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, filepath.Base(path)+".*.tmp") // with the permissions 0600
	if err != nil {
		return err
	}
	// After the move there is nothing of that name.
	defer func() { _ = os.Remove(f.Name()) }()
	if err = write(f); err == nil {
		err = errors.Join(dress(f), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := move(f.Name(), path); err != nil {
		return err
	}
	if err := syncFolder(folder); err != nil {
		return fmt.Errorf("%s was written, but may be lost when the machine stops now: %w", path, err)
	}
	return nil
}
