package command

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/tools/secretscli/escrow"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) drCheck() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "say of each secret whether a new host could read it, and what would have to be entered again", ArgsUsage: " ",
		Description: "Changes nothing. Exit code 6 when a new host would leave work.",
		Flags:       []cli.Flag{&cli.StringFlag{Name: flagBundle, Usage: "count what the bundle `FILE` has; its manifest is enough, no key is needed"}},
		Action:      t.runDRCheck,
	}
}

// checked is the JSON form of a check.
type checked struct {
	origin
	Complete bool           `json:"complete"`
	Secrets  []escrow.Found `json:"secrets"`
	// Work is how many of them have to be entered again on a new host.
	Work int `json:"work"`
}

func (t *tool) runDRCheck(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	var bundle *escrow.Manifest
	if path := c.String(flagBundle); path != "" {
		m, err := manifestOf(path)
		if err != nil {
			return err
		}
		bundle = &m
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	ctx, cancel := patience(c)
	defer cancel()
	db, _, err := database(ctx, program)
	if err != nil {
		return err
	}
	defer db.Close()
	needed, err := db.SecretUses(ctx)
	if err != nil {
		return err
	}
	found, err := escrow.Check(ctx, program.Host(), needed, bundle)
	if err != nil {
		return err
	}
	slices.SortFunc(found.Secrets, func(a, b escrow.Found) int {
		return cmp.Or(-cmp.Compare(len(a.UsedBy), len(b.UsedBy)), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Name, b.Name))
	})
	result := checked{origin: originOf(program), Complete: found.Complete, Secrets: found.Secrets}
	for _, s := range found.Secrets {
		if s.State.Work() {
			result.Work++
		}
	}
	if t.json {
		err = t.printJSON(result)
	} else {
		err = t.print(result.text())
	}
	if err == nil && result.Work > 0 {
		err = &outcome.Reported{Code: outcome.WorkLeft}
	}
	return err
}

func (r checked) text() string {
	rows := append([]escrow.Found{{}}, r.Secrets...) // the first for the head
	text := table(rows, func(f escrow.Found) []string {
		if f.State == "" {
			return []string{"STATE", "NAME", "USED BY", "REF"}
		}
		return []string{string(f.State), f.Name, orDash(strings.Join(f.UsedBy, ", ")), orDash(string(f.Ref))}
	})
	text += fmt.Sprintf("secrets in %s: %d", outcome.Plain(r.named()), len(r.Secrets))
	if !r.Complete {
		text += "; the listing may not be complete"
	}
	if r.Work == 0 {
		return text + "; a new host needs none of them entered again\n"
	}
	text += fmt.Sprintf("; %d would have to be entered again on a new host:\n", r.Work)
	for _, s := range r.Secrets {
		switch {
		case s.State.Work() && s.Ref == "":
			text += fmt.Sprintf("  the entry %s, whose ref is not known; find out what uses it\n", s.Name)
		case s.State.Work():
			text += fmt.Sprintf("  secretscli set '%s'\n", outcome.Plain(string(s.Ref)))
		}
	}
	return text + "To spare that work, keep a bundle outside of this host: secretscli dr export\n"
}

func manifestOf(path string) (escrow.Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return escrow.Manifest{}, outcome.Usagef("%v", err)
	}
	defer f.Close()
	m, _, err := escrow.ReadManifest(bufio.NewReader(f))
	if err != nil {
		err = outcome.Usagef("%s: %v", path, err)
	}
	return m, err
}

func (t *tool) drShow() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show the manifest of a bundle: which secrets, and who opens it", ArgsUsage: "<bundle>",
		Description: "Needs no key and shows no value. Whether the manifest is the one that was written is only known when the bundle is opened.",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return outcome.Usagef("name one bundle; see %s --help", c.Command.HelpName)
			}
			m, err := manifestOf(c.Args().First())
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(m)
			}
			return t.print(manifestText(m))
		},
	}
}

func manifestText(m escrow.Manifest) string {
	facts := [][2]string{
		{"created", m.Created.Format(time.RFC3339)}, {"host", m.Host}, {"provider", m.Provider},
		{"opened by", fmt.Sprintf("%d of %d recipients together", m.Need, len(m.Recipients))},
	}
	for _, r := range m.Recipients {
		facts = append(facts, [2]string{"recipient", r})
	}
	rows := append([]escrow.Item{{}}, m.Secrets...)
	return table(facts, func(f [2]string) []string { return f[:] }) + "\n" +
		table(rows, func(i escrow.Item) []string {
			if i.Ref == "" {
				return []string{"VERSION", "UPDATED", "REF"}
			}
			return []string{string(i.Version), shown(i.Updated), string(i.Ref)}
		}) + fmt.Sprintf("secrets: %d\n", len(m.Secrets))
}
