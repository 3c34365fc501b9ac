package dpapi

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/identitymesh/identitymesh/plugins/dpapi/wrapping"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// The keys of the configuration, in any case.
const (
	keyConnectionString = "SqlConnectionString"
	keyDataFolder       = "DataFolder"
	keyWrappedBy        = "HostKeyWrappedBy"
)

// schema describes what the host passes on from its own settings.
func schema() configschema.Schema {
	return configschema.Schema{Fields: []configschema.Field{
		{Key: keyDataFolder, Type: configschema.Text, Required: true, Check: checkFolder,
			About: "The data folder, as an absolute path: the key of this host is kept in it, and the embedded database"},
		{Key: keyConnectionString, Type: configschema.Sensitive,
			About: "How to connect to the product's database; the embedded one in the data folder when left out"},
		{Key: keyWrappedBy, Type: configschema.Text, Check: checkWrapping,
			About: "What encrypts the key file: `credential` or `tpm`, with a colon and a path for another place than the usual; nothing when left out. Not on Windows"},
	}}
}

func checkFolder(path string, problems *diag.List) {
	if !filepath.IsAbs(path) {
		problems.Errorf("", "expected an absolute path: the plugin may run in another folder than its host")
	}
}

func checkWrapping(setting string, problems *diag.List) {
	source, err := wrapping.Parse(setting, os.Getenv)
	switch {
	case err != nil:
		problems.Errorf("", "%s", err)
	case source != nil && runtime.GOOS == "windows":
		problems.Warnf("", "without effect: Windows keeps the keys itself")
	}
}
