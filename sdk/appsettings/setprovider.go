package appsettings

import (
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

// Written says what [Settings.SetProvider] did.
type Written struct {
	// File that decides now.
	File string
	// Backup is the file as it was, beside it, with the same owner and mode: its
	// name with the time in UTC and .bak behind it.
	Backup string
}

// SetProvider writes Secrets:Provider into the file of [Settings.ProviderFile],
// after a backup of it. Comments and everything else in it stay as they are. The
// settings themselves do not change: load them again to see the effect.
// [ErrChanged], and nothing is written, when the file is not as it was loaded.
func (s *Settings) SetProvider(name string, now time.Time) (w Written, err error) {
	file, sum, err := s.providerFile()
	if err != nil {
		return w, err
	}
	if w.File, err = filepath.EvalSymlinks(file); err != nil {
		return w, err
	}
	w.Backup = w.File + "." + now.UTC().Format("20060102T150405.000Z") + ".bak"
	return w, edit(file, sum, func(root *hujson.Value, before []byte) error {
		secrets := memberOf(root, "Secrets")
		if secrets == nil || isNull(secrets) {
			object := &hujson.Object{Members: []hujson.ObjectMember{{
				Name:  hujson.Value{Value: hujson.String("Provider")},
				Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: hujson.String(name)},
			}}}
			putValue(root, "Secrets", object)
		} else {
			put(secrets, "Provider", name)
		}
		return wholefile.Like(w.Backup, w.File, func(w io.Writer) error { _, err := w.Write(before); return err })
	})
}

func isNull(v *hujson.Value) bool {
	literal, ok := v.Value.(hujson.Literal)
	return ok && literal.Kind() == 'n'
}
