package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/input"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) name() *cli.Command {
	return &cli.Command{
		Name: "name", Usage: "print the names that refs have in every store", ArgsUsage: "<ref>...",
		Description: "Works offline: it needs no configuration and starts nothing.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: flagStdin, Usage: "read refs from the standard input, one a line"},
			anyRef(),
		},
		Action: t.runName,
	}
}

type named struct {
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

func (t *tool) runName(c *cli.Context) error {
	refs, where := c.Args().Slice(), "argument"
	switch {
	case c.Bool(flagStdin) && len(refs) > 0:
		return outcome.Usagef("give refs either as arguments or with --%s", flagStdin)
	case c.Bool(flagStdin):
		ctx, cancel := context.WithTimeout(c.Context, c.Duration(flagTimeout))
		defer cancel()
		var err error
		if refs, err = input.Lines(ctx, t.Stdin, secret.MaxRefBytes); err != nil {
			return err
		}
		where = "line"
	case len(refs) == 0:
		return outcome.Usagef("the refs are missing; see %s --help", c.Command.HelpName)
	}
	names := make([]named, 0, len(refs))
	var problems []string
	for i, text := range refs {
		ref, err := parseRef(c, text)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s %d: %v", where, i+1, err))
			continue
		}
		names = append(names, named{ref.String(), naming.Name(ref.String())})
	}
	if len(problems) > 0 {
		return outcome.Usagef("%s", strings.Join(problems, "; "))
	}
	return t.printNames(names)
}

// printNames prints the bare name when one was asked for, so that scripts can use
// it as it is.
func (t *tool) printNames(names []named) error {
	if t.json {
		return t.printJSON(struct {
			Names []named `json:"names"`
		}{names})
	}
	if len(names) == 1 {
		return t.print(names[0].Name + "\n")
	}
	return t.print(table(names, func(n named) []string { return []string{n.Name, n.Ref} }))
}
