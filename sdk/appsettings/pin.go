package appsettings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// Pin writes the SHA-256 of a plugin's file for this platform into the settings
// file that has the plugin's entry, and returns that file's path. Where the entry
// asks for a version, it asks for the given one from then on. Comments and
// everything else in the file stay as they are. A single hash is replaced; an
// object with one for each platform keeps those of the others.
//
// It fails, and changes nothing, when an environment variable sets the hash or
// the file cannot be replaced.
func (s *Settings) Pin(plugin, sha256, version string) (file string, err error) {
	if !sha256Pattern.MatchString(sha256) {
		return "", errors.New("a SHA-256 has 64 lower-case hexadecimal digits")
	}
	entry := "Secrets:Plugins:" + plugin
	at := s.Origin(entry + ":Sha256")
	for _, k := range s.keys { // an object has its platforms as keys
		if strings.EqualFold(k.Path, entry+":Sha256:"+thisPlatform) && k.Origin != originDefault {
			at = k.Origin
		}
	}
	if at == originDefault {
		at = s.Origin(entry + ":Path")
	}
	for _, f := range s.Files {
		if filepath.Base(f) == at {
			return f, pinIn(f, plugin, sha256, version)
		}
	}
	return "", fmt.Errorf("%s:Sha256 is set by %s; change it there to %s", entry, at, sha256)
}

func pinIn(file, plugin, sha256, version string) error {
	data, err := readFile(file)
	if err != nil {
		return err
	}
	body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	mark := data[:len(data)-len(body)]
	root, err := hujson.Parse(body)
	if err != nil {
		return fmt.Errorf("%s changed meanwhile and is not valid JSON%s", file, position(err))
	}
	object := &root
	for _, name := range []string{"Secrets", "Plugins", plugin} {
		if object = memberOf(object, name); object == nil {
			return fmt.Errorf("%s changed meanwhile and has no entry for the plugin %s", file, plugin)
		}
	}
	if memberOf(object, "Version") != nil {
		put(object, "Version", version)
	}
	key := "Sha256"
	if hash := memberOf(object, key); hash != nil {
		if _, platforms := hash.Value.(*hujson.Object); platforms {
			object, key = hash, thisPlatform
		}
	}
	put(object, key, sha256)
	return replaceFile(file, append(mark, root.Pack()...))
}

// memberOf returns the value of an object's member, whatever its case.
func memberOf(v *hujson.Value, name string) *hujson.Value {
	object, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	for i := range object.Members {
		m := &object.Members[i]
		if fold(decode(m.Name.Value.(hujson.Literal))) == fold(name) {
			return &m.Value
		}
	}
	return nil
}

// put sets a member to a text. A new one stands last and is laid out as the one
// before it.
func put(v *hujson.Value, name, text string) {
	if m := memberOf(v, name); m != nil {
		m.Value = hujson.String(text)
		return
	}
	object := v.Value.(*hujson.Object)
	m := hujson.ObjectMember{
		Name:  hujson.Value{Value: hujson.String(name)},
		Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: hujson.String(text)},
	}
	if n := len(object.Members); n > 0 {
		last := &object.Members[n-1]
		// A comment behind the last value stays on its line, and so does a comma.
		end := indent(object.AfterExtra)
		comment := object.AfterExtra[:len(object.AfterExtra)-len(end)]
		m.Name.BeforeExtra = slices.Concat(comment, indent(last.Name.BeforeExtra))
		object.AfterExtra, m.Value.AfterExtra = end, last.Value.AfterExtra
	}
	object.Members = append(object.Members, m)
}

// indent is the white space at the end of extra, from its last line break on.
func indent(extra hujson.Extra) hujson.Extra {
	if i := bytes.LastIndexByte(extra, '\n'); i >= 0 && len(bytes.TrimSpace(extra[i:])) == 0 {
		if i > 0 && extra[i-1] == '\r' {
			i--
		}
		return extra[i:]
	}
	return nil
}

// replaceFile replaces the file that path leads to as a whole, so that a reader
// sees either the old or the new content. Owner and mode stay.
func replaceFile(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	old, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".appsettings-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(old.Mode().Perm()), keepOwner(f, old), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
