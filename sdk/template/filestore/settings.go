package filestore

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// keyFolder is the one key of the configuration, in any case.
const keyFolder = "Folder"

type settings struct{ folder string }

// parseSettings finds every problem at once and quotes no value: what an operator
// put under the wrong key may be a password.
func parseSettings(config []byte) (settings, diag.List) {
	var problems diag.List
	var given map[string]json.RawMessage
	if err := json.Unmarshal(config, &given); err != nil || given == nil {
		problems.Errorf("", "expected a JSON object with the key %s", keyFolder)
		return settings{}, problems
	}
	var folder *string
	seen := false
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch {
		case !strings.EqualFold(key, keyFolder):
			problems.Errorf(key, "this key is not known; the only one is %s", keyFolder)
		case seen:
			problems.Errorf(keyFolder, "it is given twice, in different letters; keep one")
		default:
			seen = true
			if json.Unmarshal(given[key], &folder) != nil {
				problems.Errorf(keyFolder, "expected a text")
				continue
			}
			if folder != nil && *folder != "" && !filepath.IsAbs(*folder) {
				problems.Errorf(keyFolder, "expected an absolute path: the plugin runs in the folder of its host")
			}
		}
	}
	if folder == nil || *folder == "" {
		if !slices.ContainsFunc(problems, func(d diag.Diagnostic) bool { return d.Path == keyFolder }) {
			problems.Errorf(keyFolder, "it is required: the folder that holds the secrets")
		}
		return settings{}, problems
	}
	return settings{folder: filepath.Clean(*folder)}, problems
}
