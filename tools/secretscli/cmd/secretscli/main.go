// Command secretscli lets operators set, describe, list and delete the secrets
// that connectors refer to, and find out why a store does not work.
package main

import (
	"os"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/secretscli/command"
)

// version is set by the build of a release.
var version string

func main() { os.Exit(commandline.Main(version, command.Run)) }
