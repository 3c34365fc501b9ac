package dist

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/goreleaser/nfpm/v2/files"

	"github.com/identitymesh/identitymesh/build/dist/content"
	"github.com/identitymesh/identitymesh/build/dist/linux"
)

// Where the packages put things; build/package/README.md has the whole list.
const (
	programs = "/usr/lib/identitymesh"
	settings = "/etc/identitymesh"
	account  = "identitymesh"
)

// linuxPackages makes the deb and rpm packages: the product without plugins, and
// one for each plugin, so that each file belongs to one package and each plugin
// has a version of its own.
func linuxPackages(ctx context.Context, c Config, set Set) ([]string, error) {
	sysusers, err := os.ReadFile(set.Files.Account)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, format := range []linux.Format{linux.Deb, linux.RPM} {
		for _, b := range bundles(c, set) {
			if b.whole {
				b.programs = slices.DeleteFunc(slices.Clone(b.programs), func(p Program) bool { return p.Plugin != "" })
			}
			if err := b.billTo(b.packed(set), c, set); err != nil {
				return nil, err
			}
			config := linux.Config{
				Kind: linux.Plugin, Name: b.name, Version: b.version, Arch: set.Target.Arch, Format: format, Out: c.Out, Time: c.Time,
				Summary: "Secret provider plugin of IdentityMesh: " + b.programs[0].Plugin, Depends: []string{product},
				Contents: b.pluginContents(set),
			}
			if b.whole {
				config.Kind, config.Account = linux.Product, string(sysusers)
				config.Summary = "Keeps identities in step between directories and databases"
				config.Depends = nil
				// Without the default store the services start, and say that it is missing.
				config.Recommends = []string{"identitymesh-plugin-dpapi"}
				config.Contents = b.productContents(set)
			}
			name, err := linux.Make(ctx, config)
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
	}
	return names, nil
}

func (b bundle) productContents(set Set) files.Contents {
	out := files.Contents{
		folder(programs, "root", 0o755),
		folder(settings, account, 0o750),
		{Destination: content.DataFolder, Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Owner: account, Group: account, Mode: 0o700}},
		{Source: set.Files.Settings, Destination: path.Join(settings, "appsettings.json"), Type: files.TypeConfigNoReplace,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: account, Mode: 0o640}},
		file(set.Files.EngineUnit, path.Join("/usr/lib/systemd/system", filepath.Base(set.Files.EngineUnit)), 0o644),
		file(set.Files.AdminUnit, path.Join("/usr/lib/systemd/system", filepath.Base(set.Files.AdminUnit)), 0o644),
		file(set.Files.Account, "/usr/lib/sysusers.d/identitymesh.conf", 0o644),
	}
	for _, p := range b.programs {
		place := path.Join(programs, p.Name)
		out = append(out, file(p.Path, place, 0o755), &files.Content{Source: place, Destination: path.Join("/usr/bin", p.Name), Type: files.TypeSymlink})
	}
	return append(out, b.docs(set)...)
}

func (b bundle) pluginContents(set Set) files.Contents {
	// The folder belongs to all of them, so that the last one takes it away.
	out := files.Contents{folder(programs, "root", 0o755)}
	for _, p := range b.programs {
		out = append(out, file(p.Path, path.Join(programs, p.Name), 0o755), file(p.Lock, path.Join(programs, filepath.Base(p.Lock)), 0o644))
	}
	return append(out, b.docs(set)...)
}

// packed is the path of the list that goes into the package.
func (b bundle) packed(set Set) string { return filepath.Join(set.Dir, b.name+billExtension) }

func (b bundle) docs(set Set) files.Contents {
	doc := path.Join("/usr/share/doc", b.name)
	return files.Contents{
		folder(doc, "root", 0o755),
		file(set.Files.Licence, path.Join(doc, "copyright"), 0o644),
		file(b.packed(set), path.Join(doc, b.name+billExtension), 0o644),
	}
}

func file(source, place string, mode os.FileMode) *files.Content {
	return &files.Content{Source: source, Destination: place, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode}}
}

func folder(place, group string, mode os.FileMode) *files.Content {
	return &files.Content{Destination: place, Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Owner: "root", Group: group, Mode: mode}}
}
