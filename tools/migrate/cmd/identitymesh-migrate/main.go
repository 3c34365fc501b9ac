// Command identitymesh-migrate moves secrets from one secret store to another while
// the engine keeps running, with proof at every step.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/command"
)

// version is set by the build of a release.
var version string

// What the process does itself is little, in steps that wait for each other: on one
// processor a copy costs a tenth less of the machine, of which the two plugins have
// need. Collecting garbage half as often costs a few MB.
const (
	processors = 1
	gcPercent  = 200
)

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(commandline.Main(version, command.Run))
}
