package appsettings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailscale/hujson"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

const keyProvider = "Secrets:Provider"

// ProviderFile returns the settings file in which Secrets:Provider is decided. It
// is an error when something that is stronger than this file decides, because
// what is written there would have no effect: the error names it.
func (s *Settings) ProviderFile() (string, error) {
	file, _, err := s.providerFile()
	return file, err
}

func (s *Settings) providerFile() (file string, sum []byte, err error) {
	if len(s.Files) == 0 {
		return "", nil, errors.New("there is no settings file to write " + keyProvider + " into; write an appsettings.json first")
	}
	file = s.Files[0]
	base := filepath.Base(file)
	if at := s.Origin(keyProvider); at != originDefault && at != base {
		if strings.HasPrefix(at, "environment variable ") {
			return "", nil, fmt.Errorf("%s is set by %s, which is stronger than %s: take the variable away, here and from every service that has it, and set the key in the file to %s first",
				keyProvider, at, file, s.Secrets.Provider)
		}
		return "", nil, fmt.Errorf("%s is set by %s, which is stronger than %s: move the key from there to %s first", keyProvider, at, base, base)
	}
	if len(s.Files) > 1 {
		over, _, problems := parseFile(s.Files[1], false)
		if problems.HasErrors() {
			return "", nil, problems.Err()
		}
		if over.member("Secrets").member("Provider") != nil {
			return "", nil, fmt.Errorf("%s has %s without a value, which would hide the one in %s: remove the key there first", s.Files[1], keyProvider, base)
		}
	}
	return file, s.sums[0], nil
}

// ProviderChange is what [Settings.SetProvider] writes.
type ProviderChange struct {
	// Name for Secrets:Provider.
	Name string
	// From is another settings file whose Section, as in Secrets:KeyVault, is taken
	// over too; empty to leave all sections alone.
	From    string
	Section []string
	// At is the time in the backup's name.
	At time.Time
}

// Written says what [Settings.SetProvider] did.
type Written struct {
	// File that decides now.
	File string `json:"file"`
	// Backup is the file as it was, beside it, with the same owner and mode: its
	// name with the time in UTC and .bak behind it.
	Backup string `json:"backup"`
}

// BackupOf returns the path of the backup that is made of file at that time.
func BackupOf(file string, at time.Time) string {
	return file + "." + at.UTC().Format("20060102T150405.000Z") + ".bak"
}

// SetProvider writes Secrets:Provider into the file of [Settings.ProviderFile],
// after a backup of it. Comments and everything else in it stay as they are. The
// settings themselves do not change: load them again to see the effect.
// [ErrChanged], and nothing is written, when the file is not as it was loaded.
func (s *Settings) SetProvider(c ProviderChange) (w Written, err error) {
	file, sum, err := s.providerFile()
	if err != nil {
		return w, err
	}
	if w.File, err = filepath.EvalSymlinks(file); err != nil {
		return w, err
	}
	var section *hujson.Value
	if c.From != "" {
		if section, err = sectionOf(c.From, c.Section); err != nil {
			return w, err
		}
	}
	w.Backup = BackupOf(w.File, c.At)
	return w, edit(file, sum, func(root *hujson.Value, before []byte) error {
		put(within(root, "Secrets"), "Provider", c.Name)
		if section != nil {
			last := len(c.Section) - 1
			putValue(within(root, c.Section[:last]...), c.Section[last], section.Value)
		}
		return wholefile.Like(w.Backup, w.File, func(w io.Writer) error { _, err := w.Write(before); return err })
	})
}

func sectionOf(file string, path []string) (*hujson.Value, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	root, err := hujson.Parse(bytes.TrimPrefix(data, byteOrderMark))
	if err != nil {
		return nil, fmt.Errorf("%s is not valid JSON%s", file, position(err))
	}
	v := &root
	for _, name := range path {
		if v = memberOf(v, name); v == nil {
			return nil, fmt.Errorf("%s has no section %s", file, strings.Join(path, ":"))
		}
	}
	return v, nil
}

// within returns the object at path, which it makes where there is none.
func within(v *hujson.Value, path ...string) *hujson.Value {
	for _, name := range path {
		if m := memberOf(v, name); m == nil || !isObject(m) {
			putValue(v, name, &hujson.Object{})
		}
		v = memberOf(v, name)
	}
	return v
}

func isObject(v *hujson.Value) bool {
	_, ok := v.Value.(*hujson.Object)
	return ok
}
