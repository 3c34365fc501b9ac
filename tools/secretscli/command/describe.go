package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/host"
)

func (t *tool) describe() *cli.Command {
	return &cli.Command{
		Name: "describe", Usage: "show everything about a secret but its value", ArgsUsage: "<ref>",
		Flags: []cli.Flag{anyRef()}, Action: t.runDescribe,
	}
}

func (t *tool) runDescribe(c *cli.Context) error {
	ref, err := oneRef(c)
	if err != nil {
		return err
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	return t.use(c, program, func(ctx context.Context, store *host.Administrator) error {
		m, err := store.Describe(ctx, ref)
		if err != nil {
			return err
		}
		o := originOf(program)
		if t.json {
			return t.printJSON(struct {
				entry
				origin
			}{entryOf(m), o})
		}
		return t.print(o.lines(entryOf(m)))
	})
}
