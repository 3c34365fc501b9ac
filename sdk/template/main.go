// Command template is the plugin to copy: a provider over local files. README.md
// says what to rename. IdentityMesh starts it.
package main

import (
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// Set by the build: -ldflags "-X main.version=1.2.3".
var version = "0.1.0-dev"

func main() { pluginmain.Main(filestore.Definition("filestore", version)) }
