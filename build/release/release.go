// Package release says what the product ships and makes it: the binaries, their
// version, and the lock file that pins the provider plugins among them.
//
// It builds from the modules as they stand and publishes nothing. What was
// released before is in past.go. Start reading at [Build].
package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Version is the version of everything in this repository. A plugin reports it,
// the lock file states it, modules require each other at it, and the tags of a
// release end with it. Between two releases it is the next one's with -dev behind
// it; [SetVersion] changes it everywhere.
const Version = "0.2.0-dev"

// Binary is one program of the product.
type Binary struct {
	// Name of the file, without .exe.
	Name string
	// Module is the folder of its module, and Package the folder of its main
	// package below that.
	Module, Package string
	// Plugin is the name that configuration calls it by, when it is a plugin.
	Plugin string
}

// Binaries returns the programs of the product.
func Binaries() []Binary {
	return []Binary{
		{Name: "identitymesh-engine", Module: "engine", Package: "cmd/identitymesh-engine"},
		{Name: "identitymesh-adminapi", Module: "adminapi", Package: "cmd/identitymesh-adminapi"},
		{Name: "identitymesh-plugin-dpapi", Module: "plugins/dpapi", Package: "cmd/identitymesh-plugin-dpapi", Plugin: "dpapi"},
		{Name: "identitymesh-plugin-keyvault", Module: "plugins/keyvault", Package: "cmd/identitymesh-plugin-keyvault", Plugin: "keyvault"},
		{Name: "identitymesh-migrate", Module: "tools/migrate", Package: "cmd/identitymesh-migrate"},
		{Name: "secretscli", Module: "tools/secretscli", Package: "cmd/secretscli"},
	}
}

// FakeVault is the vault that the demo and tests play under its real name. Nobody gets
// it with the product.
func FakeVault() Binary {
	return Binary{Name: "fakevault", Module: "plugins/keyvault", Package: "fakevault/cmd/fakevault"}
}

// Target is where a build is to run.
type Target struct{ OS, Arch string }

// Host returns the target of the running process.
func Host() Target { return Target{OS: runtime.GOOS, Arch: runtime.GOARCH} }

// String returns the target as in linux/amd64.
func (t Target) String() string { return t.OS + "/" + t.Arch }

// File returns the file name of the binary on the target.
func (b Binary) File(t Target) string {
	if t.OS == "windows" {
		return b.Name + ".exe"
	}
	return b.Name
}

// Config says what to build.
type Config struct {
	Workspace workspace.Workspace
	// Version to build in; [Version] for the source of today.
	Version string
	// Out is the folder for the binaries and the lock file; it is created.
	Out    string
	Target Target
	// Binaries to build.
	Binaries []Binary
}

// Build compiles the binaries, each with the dependencies that its own module
// asks for, and then writes the lock file beside them. Each
// file is replaced whole, so that a program that is running keeps its own copy,
// and the lock file is written last.
func Build(ctx context.Context, c Config) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	// On the same file system as the result, so that the last step is a rename.
	fresh, err := os.MkdirTemp(c.Out, ".build-")
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()

	env := []string{"GOOS=" + c.Target.OS, "GOARCH=" + c.Target.Arch, "CGO_ENABLED=0", "GOWORK=off"}
	// Nothing of this folder goes into a binary, and no time but the commit's, so
	// that the same commit gives the same binary again.
	build := []string{"go", "build", "-trimpath", "-buildvcs=" + strconv.FormatBool(versioned(ctx, c.Workspace.Root)),
		"-ldflags", "-s -w -X main.version=" + c.Version}
	pins := make(map[string]catalog.Pin)
	for _, b := range c.Binaries {
		file := filepath.Join(fresh, b.File(c.Target))
		spec := command.Spec{Dir: filepath.Join(c.Workspace.Root, filepath.FromSlash(b.Module)), Env: env,
			Args: append(slices.Clone(build), "-o", file, "./"+b.Package)}
		if _, err := command.Run(ctx, spec); err != nil {
			return fmt.Errorf("build %s for %s: %w", b.Name, c.Target, err)
		}
		if b.Plugin != "" {
			sum, err := launch.Hash(file)
			if err != nil {
				return fmt.Errorf("build %s for %s: %w", b.Name, c.Target, err)
			}
			pins[b.Plugin] = catalog.Pin{File: b.Name, Sha256: sum}
		}
	}
	for _, b := range c.Binaries {
		if err := os.Rename(filepath.Join(fresh, b.File(c.Target)), filepath.Join(c.Out, b.File(c.Target))); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	return catalog.UpdateLock(filepath.Join(c.Out, catalog.LockFile), c.Version, c.Target.String(), pins)
}

// versioned reports whether git knows a commit for the folder. The go command
// would fail where it does not, as in an unpacked archive.
func versioned(ctx context.Context, root string) bool {
	_, err := command.Run(ctx, command.Spec{Dir: root, Args: []string{"git", "rev-parse", "--verify", "HEAD"}})
	return err == nil
}
