// Command identitymesh-plugin-dpapi is the plugin process of the default secret
// provider; see package dpapi. IdentityMesh starts it.
package main

import (
	"github.com/identitymesh/identitymesh/plugins/dpapi"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
)

// version is set by the build of a release.
var version string

func main() { pluginmain.Main(dpapi.Definition(version)) }
