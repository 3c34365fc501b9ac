// Package msi makes Windows installers, on Linux, with wixl.
//
// What an installer does is written in product.wxs.tmpl, and in tables.go as far
// as wixl has no words for it. Start reading at [Make].
package msi

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/semver"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Program is a program to install.
type Program struct {
	// Name of the file without .exe, and Plugin, what configuration calls it when it
	// is a plugin.
	Name, Plugin string
	// Version of a plugin, which may be another than the product's.
	Version string
	// Path of the file, and Lock of a plugin's lock file.
	Path, Lock string
}

// Config says what to install.
type Config struct {
	// Name of the package: the product's, or a plugin's for an installer of its own.
	Name string
	// Version as in 1.2.3 or 1.2.3-dev. Windows compares the numbers only.
	Version  string
	Programs []Program
	// Settings is the path of the appsettings.json to begin with; the installer of a
	// plugin has none.
	Settings string
	// Time of the files in it.
	Time time.Time
	// Out is the path of the installer.
	Out string
}

// MissingError is a machine without what makes installers.
type MissingError struct{ Tool string }

func (e *MissingError) Error() string {
	return e.Tool + " is not installed, which makes installers for Windows; on Debian: apt-get install wixl msitools"
}

//go:embed product.wxs.tmpl
var source string

// Make writes the installer. It fails with a [*MissingError] where wixl or
// msibuild is not installed.
func Make(ctx context.Context, c Config) error {
	for _, tool := range []string{"wixl", "msibuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			return &MissingError{Tool: tool}
		}
	}
	dir, err := os.MkdirTemp("", "identitymesh-msi-")
	if err != nil {
		return fmt.Errorf("make an installer: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := describe(c, dir)
	if err != nil {
		return fmt.Errorf("make the installer %s: %w", filepath.Base(c.Out), err)
	}
	text, err := template.New("product").Parse(source)
	if err != nil {
		return fmt.Errorf("make an installer: %w", err)
	}
	var wxs bytes.Buffer
	if err := text.Execute(&wxs, p); err != nil {
		return fmt.Errorf("make an installer: %w", err)
	}
	in := filepath.Join(dir, "product.wxs")
	if err := os.WriteFile(in, wxs.Bytes(), 0o600); err != nil {
		return fmt.Errorf("make an installer: %w", err)
	}
	out, err := filepath.Abs(c.Out)
	if err != nil {
		return fmt.Errorf("make an installer: %w", err)
	}
	said, err := command.Run(ctx, command.Spec{Dir: dir, Env: []string{"TZ=UTC"}, Args: []string{"wixl", "-a", "x64", "-o", out, in}})
	if err == nil && strings.Contains(said, "has no property named") {
		// It leaves out what it does not know, and calls that a success.
		err = errors.New(said)
	}
	if err != nil {
		return fmt.Errorf("make the installer %s: %w", filepath.Base(c.Out), err)
	}
	if err := errors.Join(amend(ctx, c.Out, p), stamp(c.Out, c.Time)); err != nil {
		_ = os.Remove(c.Out)
		return fmt.Errorf("make the installer %s: %w", filepath.Base(c.Out), err)
	}
	return nil
}

// description is what the template shows.
type description struct {
	Title, Version, FullVersion string
	// Codes of the product, of all its versions, and of this very file.
	ProductCode, UpgradeCode, PackageCode string
	// Whole is true for the installer of the product.
	Whole    bool
	Settings string
	Tools    program
	Services []program
	Plugins  []program
}

type program struct {
	// Feature is the name that an administrator chooses it by.
	Feature string
	File    string
	Path    string
	// Of a service: its names, and the property that has its account.
	Service, DisplayName, Description, AccountProperty string
	// Of a plugin: what configuration calls it, its version, its lock file's name and
	// path, and the property that is set while it is installed by an installer of its own.
	Plugin, Version, LockFile, Lock, OwnProperty string
}

// namespace begins all identifiers of our installers. It never changes: Windows
// knows by them which installer follows which.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/identitymesh/identitymesh/build/dist/msi"))

func id(name string) string {
	return strings.ToUpper("{" + uuid.NewSHA1(namespace, []byte(name)).String() + "}")
}

// Guid returns the identifier of a component. A plugin's is the same in its own
// installer, because it is the same file in the same place.
func (description) Guid(component string) string { return id("component " + component) }

// describe puts copies of all files with their time into the folder and says
// what to install.
func describe(c Config, dir string) (description, error) {
	number, err := numbers(c.Version)
	if err != nil {
		return description{}, err
	}
	d := description{Title: "IdentityMesh", Version: number, FullVersion: c.Version, Whole: c.Settings != ""}
	fingerprint := c.Name + " " + c.Version
	take := func(path string) (string, error) {
		sum, err := launch.Hash(path)
		if err != nil {
			return "", err
		}
		fingerprint += " " + sum
		return dated(path, dir, c.Time)
	}
	if d.Whole {
		if d.Settings, err = take(c.Settings); err != nil {
			return d, err
		}
	}
	for _, p := range c.Programs {
		entry := program{File: p.Name + ".exe"}
		if entry.Path, err = take(p.Path); err != nil {
			return d, err
		}
		switch {
		case p.Plugin != "":
			if entry.Lock, err = take(p.Lock); err != nil {
				return d, err
			}
			entry.Plugin, entry.Version, entry.LockFile = p.Plugin, p.Version, filepath.Base(p.Lock)
			entry.Feature, entry.OwnProperty = "Plugin_"+p.Plugin, "OWN_"+strings.ToUpper(p.Plugin)
			d.Plugins = append(d.Plugins, entry)
		case p.Name == "identitymesh-engine":
			entry.Feature, entry.Service, entry.AccountProperty = "Engine", "IdentityMeshEngine", "ENGINEACCOUNT"
			entry.DisplayName, entry.Description = "IdentityMesh Engine", "Imports identities from connected systems."
			d.Services = append(d.Services, entry)
		case p.Name == "identitymesh-adminapi":
			entry.Feature, entry.Service, entry.AccountProperty = "AdminApi", "IdentityMeshAdmin", "ADMINACCOUNT"
			entry.DisplayName, entry.Description = "IdentityMesh Admin API", "Manages connectors, secrets, schedules and runs."
			d.Services = append(d.Services, entry)
		default:
			d.Tools = entry
		}
	}
	if !d.Whole {
		d.Title = "IdentityMesh plugin " + d.Plugins[0].Plugin
	}
	d.UpgradeCode = id("upgrade " + c.Name)
	// Other files are another product to Windows, the same files the same one.
	d.ProductCode, d.PackageCode = id("product "+fingerprint), id("package "+fingerprint)
	return d, nil
}

// dated puts a copy of the file with that time into the folder and returns its
// name there.
func dated(path, dir string, t time.Time) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	name := filepath.Base(path)
	copied := filepath.Join(dir, name)
	return name, errors.Join(os.WriteFile(copied, data, 0o644), os.Chtimes(copied, t, t))
}

// numbers returns the version as Windows compares it, without what stands behind
// the numbers.
func numbers(version string) (string, error) {
	canonical := semver.Canonical("v" + version)
	if canonical == "" {
		return "", fmt.Errorf("%q is not a semantic version as in 1.2.3", version)
	}
	return strings.TrimSuffix(strings.TrimPrefix(canonical, "v"), semver.Prerelease(canonical)), nil
}
