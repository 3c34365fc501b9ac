package command

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/tools/secretscli/input"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) key() *cli.Command {
	return &cli.Command{
		Name: "key", Usage: "show, rotate and retire the keys that seal the secrets on this host", ArgsUsage: "<command>",
		Description: "For stores with keys of their own, as DPAPI on Linux. Programs that use the store need not be stopped.",
		Subcommands: []*cli.Command{t.keyStatus(), t.keyRotate(), t.keyRetire()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return outcome.Usagef("there is no such key command; see %s --help", c.Command.HelpName)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// keyAction runs do with the keys of the provider in force. --timeout is how long
// they may say nothing.
func (t *tool) keyAction(do func(*cli.Context, *boot.Program, host.Keys) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		program, err := t.start(c)
		if err != nil {
			return err
		}
		defer t.end(c, program)
		return do(c, program, host.Keys{Config: program.Host(), Silence: c.Duration(flagTimeout)})
	}
}

func (t *tool) keyStatus() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show the keys and how many secrets each of them sealed", ArgsUsage: " ",
		Action: t.keyAction(func(c *cli.Context, program *boot.Program, keys host.Keys) error {
			status, err := keys.Status(c.Context)
			if err != nil {
				return err
			}
			return t.printKeys(originOf(program), status)
		}),
	}
}

func (t *tool) printKeys(o origin, status provider.KeyStatus) error {
	if t.json {
		return t.printJSON(struct {
			origin
			provider.KeyStatus
		}{o, status})
	}
	return t.print(keyText(status) + fmt.Sprintf("kept in %s (%s)\n", outcome.Plain(status.Place), outcome.Plain(status.Protection)))
}

func keyText(status provider.KeyStatus) string {
	rows := [][]string{{"KEY", "SECRETS", "STATE"}}
	for _, k := range status.Keys {
		rows = append(rows, []string{k.ID, fmt.Sprint(k.Secrets), keyState(k, status.Newest)})
	}
	text := table(rows, func(row []string) []string { return row })
	if status.Foreign > 0 {
		text += fmt.Sprintf("%d secrets were sealed by other hosts or another product\n", status.Foreign)
	}
	if status.Unfinished {
		text += "a rotation was not finished; run: secretscli key rotate\n"
	}
	return text
}

func keyState(k provider.KeyUse, newest string) string {
	switch {
	case k.Missing:
		return "missing: its secrets do not open"
	case k.ID == newest:
		return "newest, seals"
	case k.Secrets == 0:
		return "opens; nothing needs it: secretscli key retire"
	}
	return "opens"
}

func (t *tool) keyRotate() *cli.Command {
	return &cli.Command{
		Name: "rotate", Usage: "make a new key and seal every secret with it", ArgsUsage: " ",
		Description: "The older keys still open. When it is interrupted, run it again: it goes on where it was, without a further key.\n" +
			"Exit code 1 when a secret could not be opened; it stays as it was.",
		Action: t.keyAction(t.runKeyRotate),
	}
}

func (t *tool) runKeyRotate(c *cli.Context, program *boot.Program, keys host.Keys) error {
	progress := t.progress()
	rotation, err := keys.Rotate(c.Context, func(p provider.KeyProgress) { progress(p.Done, p.Total) })
	if err != nil {
		return err
	}
	if t.json {
		err = t.printJSON(struct {
			origin
			provider.KeyRotation
		}{originOf(program), rotation})
	} else {
		err = t.print(rotationText(rotation))
	}
	if err == nil && rotation.Failed > 0 {
		err = &outcome.Reported{Code: outcome.Failed}
	}
	return err
}

func rotationText(r provider.KeyRotation) string {
	var text strings.Builder
	begin := "made key"
	if r.Resumed {
		begin = "went on with key"
	}
	fmt.Fprintf(&text, "%s %s; sealed with it: %d secrets\n", begin, outcome.Plain(r.Key), r.Resealed)
	if r.Failed == 0 {
		text.WriteString("the older keys still open older copies of the database; once you need none of those, run: secretscli key retire\n")
		return text.String()
	}
	fmt.Fprintf(&text, "not opened, and left as they were: %d\n", r.Failed)
	for _, f := range r.Failures {
		fmt.Fprintf(&text, "  %s\n", outcome.Plain(f.Problem))
	}
	return text.String()
}

func (t *tool) keyRetire() *cli.Command {
	return &cli.Command{
		Name: "retire", Usage: "remove for ever the older keys that no secret needs", ArgsUsage: " ",
		Description: "Copies of the database from before the last rotation do not open any more after it.\n" +
			"Asks for confirmation at a terminal; elsewhere --yes is needed.",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: flagYes, Usage: "do not ask for confirmation"}},
		Action: t.keyAction(t.runKeyRetire),
	}
}

func (t *tool) runKeyRetire(c *cli.Context, program *boot.Program, keys host.Keys) error {
	if !c.Bool(flagYes) {
		if !input.IsTerminal(t.Stdin) {
			return outcome.Usagef("there is no terminal to ask for confirmation; say --%s to retire keys", flagYes)
		}
		yes, err := input.Confirm(c.Context, t.Stdin, t.Stderr,
			"Remove every older key that no secret needs? Older copies of the database will not open any more.")
		if err != nil {
			return err
		}
		if !yes {
			return outcome.Usagef("not confirmed; no key was retired")
		}
	}
	retirement, err := keys.Retire(c.Context)
	if err != nil {
		return err
	}
	if t.json {
		return t.printJSON(struct {
			origin
			provider.KeyRetirement
		}{originOf(program), retirement})
	}
	text := "nothing to retire\n"
	if n := len(retirement.Retired); n > 0 {
		text = fmt.Sprintf("retired %d: %s\n", n, outcome.Plain(strings.Join(retirement.Retired, ", ")))
	}
	return t.print(text + keyText(retirement.Left))
}
