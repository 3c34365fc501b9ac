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

// What the process does itself is little, and done in steps that wait for each other:
// on one processor, and with garbage collected at a few MB more, it takes a third less
// of what the two plugins beside it need.
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
