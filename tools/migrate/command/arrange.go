package command

import (
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
)

// arrange lets options stand anywhere; see [commandline.Shape].
func arrange(args []string, app *cli.App) []string {
	shape := commandline.Shape{Shared: commandline.Takes(append(slices.Clone(app.Flags), cli.VersionFlag)), Own: map[string]bool{}}
	for _, command := range app.Commands {
		maps.Copy(shape.Own, commandline.Takes(command.Flags))
	}
	return shape.Arrange(args)
}
