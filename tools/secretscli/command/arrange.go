package command

import (
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
)

// arrange lets options stand anywhere; see [commandline.Shape].
func arrange(args []string, app *cli.App) []string {
	shape := commandline.Shape{
		Shared: commandline.Takes(append(slices.Clone(app.Flags), cli.VersionFlag)), Own: map[string]bool{}, Groups: map[string]bool{},
	}
	for _, command := range app.Commands {
		shape.Groups[command.Name] = len(command.Subcommands) > 0
		for _, one := range append([]*cli.Command{command}, command.Subcommands...) {
			maps.Copy(shape.Own, commandline.Takes(one.Flags))
		}
	}
	return shape.Arrange(args)
}
