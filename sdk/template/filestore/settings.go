package filestore

import (
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

const keyFolder = "Folder"

// schema declares the keys of the configuration. What is wrong by it is reported
// before Open is called, all at once, and hosts make forms and pages of it.
func schema() configschema.Schema {
	return configschema.Schema{Fields: []configschema.Field{
		{Key: keyFolder, Type: configschema.Text, Required: true, Check: checkFolder, Example: "/var/lib/acme-secrets",
			About: "The folder that holds the secrets, as an absolute path. It has to exist: a disk that is not mounted must not look like an empty store"},
	}}
}

// checkFolder does not look at the disk: the folder may come to be there later.
func checkFolder(path string, problems *diag.List) {
	if !filepath.IsAbs(path) {
		problems.Errorf("", "expected an absolute path: the plugin runs in the folder of its host")
	}
}
