package appsettings

import (
	"errors"
	"fmt"
	"path/filepath"
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
	return edit(file, nil, func(root *hujson.Value, _ []byte) error {
		object := root
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
		return nil
	})
}
