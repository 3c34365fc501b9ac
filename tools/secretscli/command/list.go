package command

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) list() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list every secret of the store", ArgsUsage: " ",
		Description: "Says whether the listing is complete. Where it is not, a secret that is missing from it may still exist.",
		Action:      t.runList,
	}
}

// listing is the JSON form of a listing.
type listing struct {
	origin
	// Complete is true when the store has no other secrets.
	Complete bool    `json:"complete"`
	Secrets  []entry `json:"secrets"`
}

func (t *tool) runList(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	return t.use(c, program, func(ctx context.Context, store *host.Administrator) error {
		all := listing{origin: originOf(program), Secrets: []entry{}}
		for request := (provider.ListRequest{Size: provider.MaxPageSize}); ; {
			page, err := store.List(ctx, request)
			if err != nil {
				return err
			}
			for _, m := range page.Items {
				all.Secrets = append(all.Secrets, entryOf(m))
			}
			if page.Next == "" {
				all.Complete = page.Complete
				break
			}
			request.Token = page.Next
		}
		if t.json {
			return t.printJSON(all)
		}
		return t.print(all.text(t.Now()))
	})
}

func (l listing) text(now time.Time) string {
	end := fmt.Sprintf("secrets in %s: %d; ", outcome.Plain(l.named()), len(l.Secrets))
	if l.Complete {
		end += "the listing is complete"
	} else {
		end += "the listing may not be complete"
	}
	if len(l.Secrets) == 0 {
		return end + "\n"
	}
	rows := append([]entry{{}}, l.Secrets...) // the first for the head
	return table(rows, func(e entry) []string {
		if e.Name == "" {
			return []string{"NAME", "VERSION", "UPDATED", "STATE", "REF"}
		}
		return []string{e.Name, e.Version, shown(e.Updated), e.state(now), orDash(e.Ref)}
	}) + end + "\n"
}

// state in one word.
func (e entry) state(now time.Time) string {
	switch {
	case e.Disabled:
		return "disabled"
	case !e.Expires.IsZero() && !now.Before(e.Expires):
		return "expired"
	}
	return "-"
}

func shown(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Format(time.RFC3339)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
