// Package linux makes deb and rpm packages.
//
// What the scripts in them do is in scripts/, what goes into them is given.
// Start reading at [Make].
package linux

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// Format is a package format.
type Format string

// The formats.
const (
	Deb Format = "deb"
	RPM Format = "rpm"
)

// Kind says what a package holds, and so what its scripts do.
type Kind string

const (
	// Product brings the services, their account and their configuration.
	Product Kind = "product"
	// Plugin brings a plugin that the services start.
	Plugin Kind = "plugin"
)

// Config says what to pack.
type Config struct {
	Kind Kind
	// Account is the services' account, as systemd-sysusers reads it. A package of
	// kind [Product] makes it.
	Account string
	// Name of the package, and its Version as in 1.2.3 or 1.2.3-dev.
	Name, Version string
	// Arch as Go calls it.
	Arch       string
	Summary    string
	Depends    []string
	Recommends []string
	Contents   files.Contents
	Time       time.Time
	Format     Format
	// Out is the folder for the package.
	Out string
}

const (
	maintainer = "The IdentityMesh maintainers <maintainers@identitymesh.example>"
	homepage   = "https://github.com/identitymesh/identitymesh"
)

// Make writes the package and returns the name of its file.
func Make(ctx context.Context, c Config) (string, error) {
	scripts, err := os.MkdirTemp("", "identitymesh-scripts-")
	if err != nil {
		return "", fmt.Errorf("pack %s: %w", c.Name, err)
	}
	defer func() { _ = os.RemoveAll(scripts) }()
	info := &nfpm.Info{
		Name: c.Name, Arch: c.Arch, Platform: "linux", Version: c.Version, VersionSchema: "semver",
		Section: "admin", Priority: "optional", Maintainer: maintainer, Vendor: "IdentityMesh", Homepage: homepage,
		License: "Apache-2.0", Description: c.Summary, MTime: c.Time.UTC(), DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Contents: c.Contents, Depends: c.Depends, Recommends: c.Recommends,
			// The name of the machine would be in the package.
			RPM: nfpm.RPM{BuildHost: "identitymesh", Summary: c.Summary},
		},
	}
	nfpm.WithDefaults(info)
	if c.Kind == Product {
		info.Depends = append(slices.Clone(c.Depends), "systemd")
		info.Deb.Predepends = []string{"systemd"}
	}
	if info.Scripts, err = write(scripts, c, info); err != nil {
		return "", fmt.Errorf("pack %s: %w", c.Name, err)
	}
	var packager nfpm.Packager = deb.Default
	if c.Format == RPM {
		packager = rpm.DefaultRPM
	}
	if err := nfpm.PrepareForPackager(info, string(c.Format)); err != nil {
		return "", fmt.Errorf("pack %s: %w", c.Name, err)
	}
	name := packager.ConventionalFileName(info)
	f, err := os.Create(filepath.Join(c.Out, name))
	if err != nil {
		return "", fmt.Errorf("pack %s: %w", c.Name, err)
	}
	if err := errors.Join(ctx.Err(), packager.Package(info, f), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("pack %s: %w", c.Name, err)
	}
	return name, nil
}

//go:embed scripts
var scripts embed.FS

// write writes the scripts of the package into the folder.
func write(folder string, c Config, info *nfpm.Info) (nfpm.Scripts, error) {
	var out nfpm.Scripts
	for name, path := range map[string]*string{
		"preinst": &out.PreInstall, "postinst": &out.PostInstall, "prerm": &out.PreRemove, "postrm": &out.PostRemove,
	} {
		source := "scripts/" + string(c.Format) + "-" + name + ".sh"
		text, err := template.ParseFS(scripts, source, "scripts/steps.sh")
		if err != nil {
			return out, err
		}
		var script bytes.Buffer
		data := struct {
			Name, Version, Account string
			Product                bool
		}{c.Name, debVersion(info), strings.TrimSpace(c.Account), c.Kind == Product}
		if err := text.Execute(&script, data); err != nil {
			return out, err
		}
		*path = filepath.Join(folder, name)
		if err := os.WriteFile(*path, script.Bytes(), 0o755); err != nil {
			return out, err
		}
	}
	return out, nil
}

// debVersion is the version as dpkg compares it, where 1.2.3~dev comes before 1.2.3.
func debVersion(info *nfpm.Info) string {
	if info.Prerelease != "" {
		return info.Version + "~" + info.Prerelease
	}
	return info.Version
}
