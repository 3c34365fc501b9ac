package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts arguments into the order that the parser needs: the program, the
// options of all commands, the command (of two words where it has commands of its
// own), its own options, and what is left after a "--". People write options where
// they come to mind.
func arrange(args []string, app *cli.App) []string {
	if len(args) == 0 {
		return args
	}
	global := flagsOf(append(slices.Clone(app.Flags), cli.VersionFlag))
	own := map[string]bool{}
	for _, command := range app.Commands {
		for _, one := range append([]*cli.Command{command}, command.Subcommands...) {
			for name, takes := range flagsOf(one.Flags) {
				own[name] = takes
			}
		}
	}
	var shared, options, rest []string
	for i := 1; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			rest = append(rest, arg)
			continue
		}
		name, _, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		takes, isShared := global[name]
		to := &options
		if isShared {
			to = &shared
		} else {
			takes = own[name]
		}
		*to = append(*to, arg)
		if takes && !joined && i+1 < len(args) {
			i++
			*to = append(*to, args[i])
		}
	}
	out := append([]string{args[0]}, shared...)
	words := 1
	if len(rest) > 0 && isGroup(app.Command(rest[0])) {
		words = 2
	}
	if len(rest) < words {
		return append(append(out, rest...), options...)
	}
	out = append(append(out, rest[:words]...), options...)
	return append(append(out, "--"), rest[words:]...)
}

func isGroup(command *cli.Command) bool { return command != nil && len(command.Subcommands) > 0 }

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

// asksForJSON reads arranged arguments, in which the shared options come first.
func asksForJSON(args []string) bool {
	form := ""
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.TrimPrefix(name, "-") != flagOutput || !strings.HasPrefix(arg, "-") {
			continue
		}
		if form = value; !joined && i+1 < len(args) {
			form = args[i+1]
		}
	}
	return form == outputJSON
}
