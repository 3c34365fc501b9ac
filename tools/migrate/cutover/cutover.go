// Package cutover puts a secret provider into force: it writes the settings files,
// asks the processes that run to read them again, and waits until every one of them
// says that it uses the store.
//
// It moves no secret and keeps no record; both directions of a migration use it.
// Start reading at [Cutover.Write] and [Cutover.Await].
package cutover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

// Wanted is what is to be in force.
type Wanted struct {
	// Provider as Secrets:Provider calls it, and Target, what its store calls
	// itself; empty when the provider does not say.
	Provider, Target string
	// Config is what the plugin is configured with.
	Config []byte
	// From is the settings file that the provider's section is taken over from;
	// empty when the files have it.
	From string
}

// Files says which settings files decide, and how they are read.
type Files struct {
	// Paths of the files of the engine and the Admin API; those of a package share
	// one. An empty path is the one that Folder has.
	Paths   []string
	Folder  string
	Environ []string
	// Executable is the path of this program, beside which plugins are.
	Executable string
}

// load reads one of the files as a program on this host does, with more variables.
func (f Files) load(path string, more ...string) (*appsettings.Settings, catalog.Choice, error) {
	environ := slices.Concat(f.Environ, more)
	s, problems := appsettings.Load(appsettings.Options{File: path, Folder: f.Folder, Environ: environ})
	choice, wrong := catalog.Choose(s, catalog.Options{Executable: f.Executable, Environ: environ})
	problems.Append("", wrong)
	return s, choice, problems.Err()
}

// Check returns everything that keeps w from being put into the files, all at once.
func (f Files) Check(w Wanted) error {
	var problems diag.List
	for _, path := range f.Paths {
		if err := f.check(path, w); err != nil {
			problems.Errorf("Secrets:Provider", "%v", err)
		}
	}
	return problems.Err()
}

func (f Files) check(path string, w Wanted) error {
	s, _, err := f.load(path)
	if err != nil {
		return err
	}
	file, err := s.ProviderFile()
	if err != nil || w.From != "" {
		return err // what is taken over from elsewhere is seen when it is there
	}
	const variable = "Secrets__Provider"
	for _, v := range f.Environ {
		if name, _, _ := strings.Cut(v, "="); strings.EqualFold(name, variable) {
			return fmt.Errorf("the variable %s is set, to nothing: take it away; no variable may stand over %s", name, file)
		}
	}
	_, choice, err := f.load(path, variable+"="+w.Provider)
	if err != nil {
		return fmt.Errorf("with %s: %w", w.Provider, err)
	}
	if !w.Is(choice) {
		return fmt.Errorf("%s configures another store of %s than the one of the plan, and writing the provider into it would not lead there; %s must be as in the plan",
			file, w.Provider, sectionOf(w.Provider))
	}
	return nil
}

// Backups are the files that were written, with what they were before. Its JSON
// form is kept in the ledger.
type Backups []appsettings.Written

// Write puts w into the files, each as a whole, and checks that they have that
// effect. at names the backups; with the same at, a file that says so already is
// left as it is, so that a write that was interrupted can be repeated. When a file
// cannot be written, or does not have the effect, those that were written before
// it are put back.
func (f Files) Write(w Wanted, at time.Time) (done Backups, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, f.putBack(done))
			done = nil
		}
	}()
	for _, path := range f.Paths {
		s, choice, err := f.load(path)
		if err != nil {
			return done, err
		}
		file, err := s.ProviderFile()
		if err != nil {
			return done, err
		}
		if file, err = filepath.EvalSymlinks(file); err != nil {
			return done, err
		}
		if slices.ContainsFunc(done, func(d appsettings.Written) bool { return d.File == file }) {
			continue // two paths that lead to one file
		}
		if w.Is(choice) && s.Origin("Secrets:Provider") != "default" {
			done = append(done, appsettings.Written{File: file, Backup: appsettings.BackupOf(file, at)})
			continue
		}
		change := appsettings.ProviderChange{Name: w.Provider, At: at}
		if w.From != "" {
			change.From, change.Section = w.From, strings.Split(sectionOf(w.Provider), ":")
		}
		written, err := s.SetProvider(change)
		if err != nil {
			return done, fmt.Errorf("write Secrets:Provider: %w", err)
		}
		done = append(done, written)
		_, choice, err = f.load(path)
		if err != nil {
			return done, fmt.Errorf("%s was written and cannot be used: %w", file, err)
		}
		if !w.Is(choice) {
			return done, fmt.Errorf("%s was written and %s with the same settings is not in force by it: %s; %s must be as in the plan, and no variable may stand over it",
				file, w.Provider, choice.Why, sectionOf(w.Provider))
		}
	}
	return done, nil
}

// Is reports whether c is what is wanted.
func (w Wanted) Is(c catalog.Choice) bool {
	return !c.Fallback && strings.EqualFold(c.Provider, w.Provider) && (w.Config == nil || sameJSON(c.Plugin.Config.Reveal(), w.Config))
}

// sameJSON reports whether two documents say the same, however they are written.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(x, y)
}

// sectionOf returns where the settings of a provider are.
func sectionOf(provider string) string {
	switch {
	case strings.EqualFold(provider, catalog.AzureKeyVault):
		return "Secrets:KeyVault"
	case strings.EqualFold(provider, catalog.DPAPI):
		return "IdentityMesh"
	}
	return "Secrets:Plugins:" + provider
}
