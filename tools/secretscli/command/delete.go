package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/input"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

const flagYes = "yes"

func (t *tool) delete() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "delete a secret with all its versions", ArgsUsage: "<ref>",
		Description: "Asks for confirmation at a terminal; elsewhere --yes is needed.\n" +
			"Whether the secret can be recovered depends on the store; the local one keeps nothing.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: flagYes, Usage: "do not ask for confirmation"},
			anyRef(),
		},
		Action: t.runDelete,
	}
}

func (t *tool) runDelete(c *cli.Context) error {
	ref, err := oneRef(c)
	if err != nil {
		return err
	}
	if !c.Bool(flagYes) && !input.IsTerminal(t.Stdin) {
		return outcome.Usagef("there is no terminal to ask for confirmation; say --%s to delete the secret", flagYes)
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	if err := t.confirm(c, program, ref); err != nil {
		return err
	}
	return t.use(c, program, func(ctx context.Context, store *host.Administrator) error {
		if err := store.Delete(ctx, ref); err != nil {
			return uncertain(err)
		}
		name, o := naming.Name(ref.String()), originOf(program)
		if t.json {
			return t.printJSON(struct {
				Ref     string `json:"ref"`
				Name    string `json:"name"`
				Deleted bool   `json:"deleted"`
				origin
			}{ref.String(), name, true, o})
		}
		return t.print(fmt.Sprintf("deleted %s (%s) from %s\n", outcome.Plain(ref.String()), name, outcome.Plain(o.named())))
	})
}

func (t *tool) confirm(c *cli.Context, program *boot.Program, ref secret.Ref) error {
	if c.Bool(flagYes) {
		return nil
	}
	yes, err := input.Confirm(c.Context, t.Stdin, t.Stderr, fmt.Sprintf("Delete %s (%s) from %s?",
		outcome.Plain(ref.String()), naming.Name(ref.String()), outcome.Plain(originOf(program).named())))
	if err == nil && !yes {
		err = outcome.Usagef("not confirmed; nothing was deleted")
	}
	return err
}
