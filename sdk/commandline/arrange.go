// Package commandline is what the product's tools share at a terminal: options that
// may stand anywhere, errors told in one form, text that cannot steer a terminal, and
// progress.
//
// Which commands there are, and what their exit codes mean, is each tool's own. Start
// reading at [Shape.Arrange] and [Write].
package commandline

import "strings"

// Shape is what [Shape.Arrange] needs to know of a program's options: for the name of
// each, without dashes, whether an argument follows it; see [Takes].
type Shape struct {
	// Shared are the options of all commands, Own those of single ones.
	Shared, Own map[string]bool
	// Groups are the commands that have commands of their own.
	Groups map[string]bool
}

// Takes returns the names of the flags that a parser knows, and whether an argument
// follows each, which is so unless its TakesValue says otherwise.
func Takes[F interface{ Names() []string }](flags []F) map[string]bool {
	out := map[string]bool{}
	for _, f := range flags {
		says, ok := any(f).(interface{ TakesValue() bool })
		for _, name := range f.Names() {
			out[name] = !ok || says.TakesValue()
		}
	}
	return out
}

// Arrange puts arguments into the order that a parser needs: the program, the options
// of all commands, the command (of two words where it has commands of its own), its
// own options, and what is left after a "--". People write options where they come to
// mind.
func (s Shape) Arrange(args []string) []string {
	if len(args) == 0 {
		return args
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
		takes, isShared := s.Shared[name]
		to := &options
		if isShared {
			to = &shared
		} else {
			takes = s.Own[name]
		}
		*to = append(*to, arg)
		if takes && !joined && i+1 < len(args) {
			i++
			*to = append(*to, args[i])
		}
	}
	out := append([]string{args[0]}, shared...)
	words := 1
	if len(rest) > 0 && s.Groups[rest[0]] {
		words = 2
	}
	if len(rest) < words {
		return append(append(out, rest...), options...)
	}
	out = append(append(out, rest[:words]...), options...)
	return append(append(out, "--"), rest[words:]...)
}

// Option returns what arranged arguments, in which the shared options come first, say
// last for the option of that name; empty when they say nothing.
func Option(args []string, name string) string {
	found := ""
	for i, arg := range args {
		option, value, joined := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.TrimPrefix(option, "-") != name || !strings.HasPrefix(arg, "-") {
			continue
		}
		if found = value; !joined && i+1 < len(args) {
			found = args[i+1]
		}
	}
	return found
}
