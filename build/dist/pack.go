package dist

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/identitymesh/identitymesh/build/dist/archive"
	"github.com/identitymesh/identitymesh/build/dist/msi"
	"github.com/identitymesh/identitymesh/build/dist/sbom"
)

// product is the name of the package that has it all.
const product = "identitymesh"

// Pack packs what was built and returns the names of the files: first those of the
// whole product, then of each plugin.
func Pack(ctx context.Context, c Config, set Set) ([]string, error) {
	var names []string
	add := func(made string, err error) error {
		if err == nil {
			names = append(names, made)
		}
		return err
	}
	for _, b := range bundles(c, set) {
		if err := add(b.bill(c, set)); err != nil {
			return nil, err
		}
		if err := add(b.archive(c, set)); err != nil {
			return nil, err
		}
	}
	more := linuxPackages
	if set.Target.OS == "windows" {
		more = installers
	}
	made, err := more(ctx, c, set)
	return append(names, made...), err
}

// bundle is what one archive holds.
type bundle struct {
	name, version string
	programs      []Program
	// whole is true for the product.
	whole bool
}

func bundles(c Config, set Set) []bundle {
	out := []bundle{{name: product, version: c.Version, programs: set.Programs, whole: true}}
	for _, p := range set.Programs {
		if p.Plugin != "" {
			out = append(out, bundle{name: p.Name, version: p.Version, programs: []Program{p}})
		}
	}
	return out
}

// file returns the name of a file of the bundle, as in
// identitymesh_1.2.3_linux_amd64.tar.gz.
func (b bundle) file(set Set, extension string) string {
	return fmt.Sprintf("%s_%s_%s_%s%s", b.name, b.version, set.Target.OS, set.Target.Arch, extension)
}

// billExtension ends the name of a list of what something is made of, as the
// makers of the format ask.
const billExtension = ".cdx.json"

func (b bundle) bill(c Config, set Set) (string, error) {
	name := b.file(set, billExtension)
	return name, b.billTo(filepath.Join(c.Out, name), c, set)
}

// billTo writes the list of what the bundle's programs are made of.
func (b bundle) billTo(out string, c Config, set Set) error {
	var programs []sbom.Program
	for _, p := range b.programs {
		programs = append(programs, sbom.Program{Name: p.Name, Version: p.Version, Path: p.Path})
	}
	return sbom.Write(out, sbom.Config{
		Name: b.name, Version: b.version, Platform: set.Target.String(), Programs: programs, Time: c.Time,
	})
}

// archive packs the bundle into one folder. A plugin's has no folder, because it is
// unpacked over the product.
func (b bundle) archive(c Config, set Set) (string, error) {
	var files []archive.File
	add := func(source, name string, mode os.FileMode) {
		if b.whole {
			name = path.Join(b.file(set, ""), name)
		}
		files = append(files, archive.File{Name: name, Source: source, Mode: mode})
	}
	for _, p := range b.programs {
		add(p.Path, filepath.Base(p.Path), 0o755)
		if p.Lock != "" {
			add(p.Lock, filepath.Base(p.Lock), 0o644)
		}
	}
	if b.whole {
		add(set.Files.Licence, "LICENSE", 0o644)
		add(set.Files.Example, filepath.Base(set.Files.Example), 0o644)
		add(filepath.Join(c.Out, b.file(set, billExtension)), product+billExtension, 0o644)
	}
	if set.Target.OS == "windows" {
		name := b.file(set, ".zip")
		return name, archive.Zip(filepath.Join(c.Out, name), files, c.Time)
	}
	name := b.file(set, ".tar.gz")
	return name, archive.TarGz(filepath.Join(c.Out, name), files, c.Time)
}

// installers makes the MSI files: one for the product, one for each plugin.
func installers(ctx context.Context, c Config, set Set) ([]string, error) {
	var names []string
	for _, b := range bundles(c, set) {
		config := msi.Config{Name: b.name, Version: b.version, Out: filepath.Join(c.Out, b.file(set, ".msi")), Time: c.Time}
		if b.whole {
			config.Settings = set.Files.Settings
		}
		for _, p := range b.programs {
			config.Programs = append(config.Programs, msi.Program{Name: p.Name, Plugin: p.Plugin, Version: p.Version, Path: p.Path, Lock: p.Lock})
		}
		if err := msi.Make(ctx, config); err != nil {
			return nil, err
		}
		if err := c.Sign.Sign(ctx, config.Out); err != nil {
			return nil, err
		}
		names = append(names, b.file(set, ".msi"))
	}
	return names, nil
}
