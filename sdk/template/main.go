// Command template is the plugin to copy: a provider over local files. README.md
// says what to rename. IdentityMesh starts it.
package main

import (
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// version is set by the build of a release; without it, what Go knows of the build
// counts.
var version string

func main() { pluginmain.Main(filestore.Definition("filestore", version)) }
