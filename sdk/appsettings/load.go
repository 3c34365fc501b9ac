package appsettings

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

const (
	// fileName is the settings file when no other is asked for.
	fileName = "appsettings.json"
	// defaultEnvironment is what the .NET host assumes as well.
	defaultEnvironment = "Production"
)

// Options says where the configuration is.
type Options struct {
	// File is the settings file; it must exist. Empty: appsettings.json in
	// Folder, which may be absent.
	File string
	// Folder is looked into when File is empty; empty means the working folder.
	Folder string
	// Environ holds the environment as [os.Environ] returns it. Nothing else is
	// read from the process's environment.
	Environ []string
	// Platform decides the default of IdentityMesh:DataFolder. Nil means the
	// platform of the running process.
	Platform *Platform
}

// Platform is what the default data folder depends on beside the environment.
type Platform struct {
	// GOOS as in [runtime.GOOS].
	GOOS string
	// Root is true for user id 0.
	Root bool
}

// Load reads the settings. The list has all problems at once; the settings are
// usable when it has no errors, and are never nil. Warnings must be shown: they
// name keys that have no effect.
//
// No diagnostic holds the value of a sensitive key, nor the text around a
// syntax error.
func Load(o Options) (*Settings, diag.List) {
	env := environment{entries: o.Environ, foldNames: o.goos() == "windows"}
	s := &Settings{Environment: defaultEnvironment}
	r := &reader{}

	for _, variable := range []string{"IDENTITYMESH_ENVIRONMENT", "DOTNET_ENVIRONMENT"} {
		name := env.get(variable)
		if name == "" {
			continue
		}
		if !usableInFileName(name) {
			r.diags.Errorf("", "environment variable %s names an environment that cannot be part of a file name: "+
				"use letters, digits, '.', '-' and '_'", variable)
			return s, r.diags
		}
		s.Environment = name
		break
	}

	file, mayBeAbsent := o.File, false
	if file == "" {
		file, mayBeAbsent = filepath.Join(o.Folder, fileName), true
	}
	file, err := filepath.Abs(file)
	if err != nil {
		r.diags.Errorf("", "%s: %v", file, err)
		return s, r.diags
	}
	r.folder = filepath.Dir(file)

	root := &node{kind: kindObject}
	for _, f := range []struct {
		path        string
		mayBeAbsent bool
	}{
		{file, mayBeAbsent},
		{strings.TrimSuffix(file, ".json") + "." + s.Environment + ".json", true},
	} {
		tree, sum, diags := parseFile(f.path, f.mayBeAbsent)
		r.diags.Append("", diags)
		if tree != nil {
			s.Files, s.sums = append(s.Files, f.path), append(s.sums, sum)
			root = merge(root, tree)
		}
	}
	if r.diags.HasErrors() {
		// Half of the files would only give misleading problems of keys.
		return s, r.diags
	}
	root = merge(root, env.tree())

	r.settings(root, s)
	if s.Product.DataFolder == "" {
		s.Product.DataFolder = inForce(r, "IdentityMesh:DataFolder", o.dataFolder(env.get))
		if s.Product.DataFolder == "" {
			r.diags.Errorf("IdentityMesh:DataFolder", "set it: the environment has no HOME to derive the default from")
		}
	}
	slices.SortFunc(r.keys, func(a, b Key) int { return strings.Compare(fold(a.Path), fold(b.Path)) })
	s.keys = r.keys
	return s, r.diags
}

// dataFolder returns the default of IdentityMesh:DataFolder, or "" when there is
// nothing to derive it from.
func (o Options) dataFolder(getenv func(string) string) string {
	if o.goos() == "windows" {
		base := getenv("ProgramData")
		if base == "" {
			base = `C:\ProgramData`
		}
		return base + `\IdentityMesh`
	}
	// systemd sets it for a unit with StateDirectory=; several are separated by
	// colons, see systemd.exec(5).
	if folder, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); folder != "" {
		return folder
	}
	if o.root() {
		return "/var/lib/identitymesh"
	}
	// A relative XDG_STATE_HOME is to be ignored, says the XDG base directory
	// specification.
	if base := getenv("XDG_STATE_HOME"); strings.HasPrefix(base, "/") {
		return base + "/identitymesh"
	}
	if home := getenv("HOME"); home != "" {
		return home + "/.local/state/identitymesh"
	}
	return ""
}

func (o Options) goos() string {
	if o.Platform == nil {
		return runtime.GOOS
	}
	return o.Platform.GOOS
}

func (o Options) root() bool {
	if o.Platform == nil {
		return os.Getuid() == 0
	}
	return o.Platform.Root
}

func usableInFileName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	})
}
