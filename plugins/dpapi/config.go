package dpapi

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// The keys of the configuration, in any case.
const (
	keyConnectionString = "SqlConnectionString"
	keyDataFolder       = "DataFolder"
)

// config is what the host passes on from its own settings.
type config struct {
	// connectionString of the product database; blank for the embedded one.
	connectionString secret.Value
	dataFolder       string
}

// parseConfig returns every problem at once and never repeats a value: even a
// misplaced one may be the connection string.
func parseConfig(text []byte) (config, diag.List) {
	var problems diag.List
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil || given == nil {
		problems.Errorf("", "expected a JSON object with the keys %s and %s", keyConnectionString, keyDataFolder)
		return config{}, problems
	}
	var out config
	seen := map[string]bool{}
	for _, key := range sortedKeys(given) {
		known := ""
		for _, k := range []string{keyConnectionString, keyDataFolder} {
			if strings.EqualFold(k, key) {
				known = k
			}
		}
		if known == "" {
			problems.Warnf(key, "this key is not known and has no effect")
			continue
		}
		if seen[known] {
			problems.Errorf(known, "it is given twice, in different letters; keep one")
			continue
		}
		seen[known] = true
		var value *string
		if err := json.Unmarshal(given[key], &value); err != nil {
			problems.Errorf(known, "expected a text")
			continue
		}
		if value == nil {
			continue
		}
		if known == keyConnectionString {
			out.connectionString = secret.NewValue([]byte(*value))
		} else {
			out.dataFolder = *value
		}
	}
	switch {
	case problemAt(problems, keyDataFolder):
	case strings.TrimSpace(out.dataFolder) == "":
		problems.Errorf(keyDataFolder, "it is required: the key of this host is kept there")
	case !filepath.IsAbs(out.dataFolder):
		problems.Errorf(keyDataFolder, "expected an absolute path: the plugin may run in another folder than its host")
	}
	return out, problems
}

func problemAt(problems diag.List, path string) bool {
	return slices.ContainsFunc(problems, func(d diag.Diagnostic) bool { return d.Path == path })
}

func sortedKeys(m map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
