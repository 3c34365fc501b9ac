// Command identitymesh-migrate moves secrets from one secret store to another while
// the engine keeps running, with proof at every step.
package main

import (
	"os"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/command"
)

// version is set by the build of a release.
var version string

func main() { os.Exit(commandline.Main(version, command.Run)) }
