// Command identitymesh-plugin-dpapi is the plugin process of the default secret
// provider; see package dpapi. IdentityMesh starts it.
package main

import (
	"github.com/identitymesh/identitymesh/plugins/dpapi"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
)

// Set by the build: -ldflags "-X main.version=1.2.3 -X main.commit=abcdef0".
var (
	version = "0.1.0-dev"
	commit  = ""
)

func main() { pluginmain.Main(dpapi.Definition(version, commit)) }
