package dpapi

import (
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// The keys of the configuration, in any case.
const (
	keyConnectionString = "SqlConnectionString"
	keyDataFolder       = "DataFolder"
)

// schema describes what the host passes on from its own settings.
func schema() configschema.Schema {
	return configschema.Schema{Fields: []configschema.Field{
		{Key: keyDataFolder, Type: configschema.Text, Required: true, Check: checkFolder,
			About: "The data folder, as an absolute path: the key of this host is kept in it, and the embedded database"},
		{Key: keyConnectionString, Type: configschema.Sensitive,
			About: "How to connect to the product's database; the embedded one in the data folder when left out"},
	}}
}

func checkFolder(path string, problems *diag.List) {
	if !filepath.IsAbs(path) {
		problems.Errorf("", "expected an absolute path: the plugin may run in another folder than its host")
	}
}
