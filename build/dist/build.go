package dist

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/dist/content"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Program is a program that was built.
type Program struct {
	release.Binary
	Version string
	// Path of its file.
	Path string
	// Lock is the path of the lock file that pins it, when it is a plugin.
	Lock string
}

// Set is all that is packed for one target.
type Set struct {
	Target   release.Target
	Programs []Program
	Files    content.Files
	// Dir is the folder that has it all.
	Dir string
}

// Build builds the programs into the folder, signs those for Windows, and writes
// what belongs to them.
func Build(ctx context.Context, c Config, target release.Target, folder string) (Set, error) {
	set := Set{Target: target, Dir: folder}
	for _, b := range release.Binaries() {
		p := Program{Binary: b, Version: c.Version, Path: filepath.Join(folder, b.File(target))}
		if own, ok := c.Plugins[b.Plugin]; ok && b.Plugin != "" {
			p.Version = own
		}
		err := release.Build(ctx, release.Config{
			Workspace: c.Workspace, Version: p.Version, Out: folder, Target: target, Binaries: []release.Binary{b},
		})
		if err != nil {
			return Set{}, err
		}
		if target.OS == "windows" {
			if err := c.Sign.Sign(ctx, p.Path); err != nil {
				return Set{}, err
			}
		}
		if b.Plugin != "" {
			// Only now: a signature changes the file.
			if err := pin(&p, folder, target); err != nil {
				return Set{}, err
			}
		}
		set.Programs = append(set.Programs, p)
	}
	// It is about the files before they were signed, and no package has it.
	if err := os.Remove(filepath.Join(folder, catalog.LockFile)); err != nil {
		return Set{}, err
	}
	var err error
	set.Files, err = content.Write(c.Workspace, folder, target.OS)
	return set, err
}

// pin writes the lock file of a plugin.
func pin(p *Program, folder string, target release.Target) error {
	sum, err := launch.Hash(p.Path)
	if err != nil {
		return err
	}
	p.Lock = filepath.Join(folder, catalog.OwnLockFile(p.Plugin))
	if err := os.RemoveAll(p.Lock); err != nil {
		return err
	}
	return catalog.UpdateLock(p.Lock, p.Version, target.String(), map[string]catalog.Pin{p.Plugin: {File: p.Name, Sha256: sum}})
}

// sourceDateEpoch is the variable that https://reproducible-builds.org names.
const sourceDateEpoch = "SOURCE_DATE_EPOCH"

// SourceTime returns the time of the source at root: that of SOURCE_DATE_EPOCH in
// the environment, or else of the commit that is checked out.
func SourceTime(ctx context.Context, root string) (time.Time, error) {
	text := os.Getenv(sourceDateEpoch)
	if text == "" {
		out, err := command.Run(ctx, command.Spec{Dir: root, Args: []string{"git", "log", "-1", "--format=%ct"}})
		if err != nil {
			return time.Time{}, fmt.Errorf("find the time of the source; where there is no git repository, set %s: %w", sourceDateEpoch, err)
		}
		text = strings.TrimSpace(out)
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is not a number of seconds: %w", sourceDateEpoch, err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
