package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"filippo.io/age"
	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/tools/secretscli/escrow"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) drKeygen() *cli.Command {
	return &cli.Command{
		Name: "keygen", Usage: "make a key pair for a person who keeps a part of bundles", ArgsUsage: " ",
		Description: "Writes the private key to a file, which stays with that person and away from this host, and prints the public key for\n" +
			"dr export. The keys are age's; age-keygen makes the same.",
		Flags: []cli.Flag{&cli.StringFlag{Name: flagOut, Usage: "write the private key to `FILE`, which only this user may read"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			path := c.String(flagOut)
			if path == "" {
				return outcome.Usagef("say with --%s where to write the private key", flagOut)
			}
			key, err := age.GenerateX25519Identity()
			if err != nil {
				return fmt.Errorf("make a key: %w", err)
			}
			public := key.Recipient().String()
			err = escrow.Create(path, false, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "# created: %s\n# public key: %s\n%s\n", t.Now().UTC().Format(time.RFC3339), public, key)
				return err
			})
			if err != nil {
				return outcome.Usagef("%v", err)
			}
			if t.json {
				return t.printJSON(map[string]string{"publicKey": public, "file": path})
			}
			return t.print(public + "\n")
		},
	}
}

func (t *tool) drShare() *cli.Command {
	return &cli.Command{
		Name: "share", Usage: "take your part of what opens a bundle, for somebody who collects the parts", ArgsUsage: "<bundle>",
		Description: "For people who cannot come to the new host: whoever imports there makes a key with dr keygen, and each of them sends back\n" +
			"the file that this command writes. It is encrypted to that key; nobody else can use it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagIdentity, Usage: "`FILE` with your private key"},
			&cli.StringFlag{Name: flagTo, Usage: "public `KEY` of whoever imports"},
			&cli.StringFlag{Name: flagOut, Usage: "write the share to `FILE`"},
		},
		Action: t.runDRShare,
	}
}

func (t *tool) runDRShare(c *cli.Context) error {
	if c.NArg() != 1 || c.String(flagIdentity) == "" || c.String(flagTo) == "" || c.String(flagOut) == "" {
		return outcome.Usagef("name one bundle, and give --%s, --%s and --%s; see %s --help", flagIdentity, flagTo, flagOut, c.Command.HelpName)
	}
	mine, err := identities([]string{c.String(flagIdentity)})
	if err != nil {
		return err
	}
	if len(mine) != 1 {
		return outcome.Usagef("--%s must be a file with one private key", flagIdentity)
	}
	to, err := holders([]string{c.String(flagTo)})
	if err != nil {
		return err
	}
	if len(to) != 1 {
		return outcome.Usagef("--%s must be one public key", flagTo)
	}
	f, err := os.Open(c.Args().First())
	if err != nil {
		return outcome.Usagef("%v", err)
	}
	defer f.Close()
	share, err := escrow.Share(f, mine[0], to[0].Recipient)
	if err != nil {
		return outcome.Usagef("%s: %v", c.Args().First(), err)
	}
	err = escrow.Create(c.String(flagOut), false, func(w io.Writer) error { _, err := w.Write(share); return err })
	if err != nil {
		return outcome.Usagef("%v", err)
	}
	if t.json {
		return t.printJSON(map[string]string{"file": c.String(flagOut), "to": to[0].Key})
	}
	return t.print(fmt.Sprintf("wrote %s for %s\n", outcome.Plain(c.String(flagOut)), to[0].Key))
}
