package command

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
)

// arrange lets options stand anywhere; see [commandline.Shape].
func arrange(args []string, app *cli.App) []string {
	shape := commandline.Shape{Shared: flagsOf(append(slices.Clone(app.Flags), cli.VersionFlag)), Own: map[string]bool{}}
	for _, command := range app.Commands {
		for name, takes := range flagsOf(command.Flags) {
			shape.Own[name] = takes
		}
	}
	return shape.Arrange(args)
}

// flagsOf returns the names of flags, and whether an argument follows each.
func flagsOf(flags []cli.Flag) map[string]bool {
	out := map[string]bool{}
	for _, f := range flags {
		_, isSwitch := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			out[name] = !isSwitch
		}
	}
	return out
}
