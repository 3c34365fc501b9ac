// Identitymesh-plugin-keyvault is the secret provider for Azure Key Vault. Its
// host starts it; it is of no use by hand.
package main

import (
	"github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
)

// Set by the linker of a release.
var (
	version = "0.1.0"
	commit  = ""
)

func main() {
	pluginmain.Main(keyvault.Define(keyvault.Options{Version: version, Commit: commit, Watch: credential.Listen()}))
}
