// Identitymesh-plugin-keyvault is the secret provider for Azure Key Vault. Its
// host starts it; it is of no use by hand.
package main

import (
	"github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
)

// version is set by the build of a release.
var version string

func main() {
	pluginmain.Main(keyvault.Define(keyvault.Options{
		Version: buildinfo.Read(version).Version, Watch: credential.Listen(),
	}))
}
