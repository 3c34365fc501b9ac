package wine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
)

// stub is the source of a library that Wine 8 lacks and Go programs need.
//
//go:embed stub/bcryptprimitives.c
var stub []byte

// tools of this machine, by their paths.
type tools struct{ loader, server, compiler string }

// find finds Wine where Debian's package wine64 has it, which is not in PATH, and
// elsewhere where others put it.
func find() (tools, error) {
	var t tools
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return t, &MissingError{"it runs them on linux/amd64, this is " + runtime.GOOS + "/" + runtime.GOARCH}
	}
	for _, f := range []struct {
		path  *string
		where []string
	}{
		{&t.loader, []string{"/usr/lib/wine/wine64", "wine64", "wine"}},
		{&t.server, []string{"/usr/lib/wine/wineserver64", "wineserver64", "wineserver"}},
		{&t.compiler, []string{"x86_64-w64-mingw32-gcc"}},
	} {
		for _, name := range f.where {
			if found, err := exec.LookPath(name); err == nil {
				*f.path = found
				break
			}
		}
		if *f.path == "" {
			return t, &MissingError{fmt.Sprintf("no %s here; on Debian: apt-get install wine64 gcc-mingw-w64-x86-64", f.where[0])}
		}
	}
	return t, nil
}

const (
	// bootTime bounds the making of a prefix, which takes some ten seconds.
	bootTime = 3 * time.Minute
	// ready is a file in a prefix that is complete.
	ready = "identitymesh-ready"
)

// makePrefix makes a prefix unless it is there.
func (t tools) makePrefix(ctx context.Context, prefix string, env []string) error {
	if _, err := os.Stat(filepath.Join(prefix, ready)); err == nil {
		return nil
	}
	if err := os.MkdirAll(prefix, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	if err := t.quietly(ctx, env, "wineboot", "-i"); err != nil {
		return err
	}
	// Go loads it from there and nowhere else.
	library := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	source := filepath.Join(prefix, "bcryptprimitives.c")
	if err := os.WriteFile(source, stub, 0o600); err != nil {
		return err
	}
	if _, err := command.Run(ctx, command.Spec{Args: []string{t.compiler, "-O2", "-shared", "-o", library, source, "-ladvapi32"}}); err != nil {
		return err
	}
	// It would call itself Windows 7, which today's Go does not run on.
	if err := t.quietly(ctx, env, "reg", "add", `HKCU\Software\Wine`, "/v", "Version", "/d", "win10", "/f"); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(prefix, ready), nil, 0o600)
}

// quietly runs a program of Wine and waits until all of Wine has ended and its
// registry is on the disk. Nothing is read of what it writes, because its daemons
// would keep the pipes open.
func (t tools) quietly(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, t.loader, args...)
	cmd.Env = append(os.Environ(), env...)
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s under Wine: %w", args[0], err)
	}
	_, waitErr := command.Run(ctx, command.Spec{Env: env, Args: []string{t.server, "-w"}})
	return errors.Join(err, waitErr)
}
