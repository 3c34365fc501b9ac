package command

import (
	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

const (
	flagOnly        = "only"
	flagExclude     = "exclude"
	flagOnlyUsed    = "only-used"
	flagConcurrency = "concurrency"

	defaultConcurrency = 64
	maxConcurrency     = 256
)

// choiceFlags choose refs.
func choiceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: flagOnly, Usage: "only refs like `GLOB`, in which * stands for any text; repeat it for more"},
		&cli.StringSliceFlag{Name: flagExclude, Usage: "no refs like `GLOB`; repeat it for more"},
		&cli.BoolFlag{Name: flagOnlyUsed, Usage: "only refs that connectors need"},
		concurrency(),
	}
}

func concurrency() cli.Flag {
	return &cli.IntFlag{Name: flagConcurrency, Usage: "work on `N` refs at once", Value: defaultConcurrency}
}

func workers(c *cli.Context) (int, error) {
	n := c.Int(flagConcurrency)
	if n < 1 || n > maxConcurrency {
		return 0, commandline.Usagef("--%s must be from 1 to %d", flagConcurrency, maxConcurrency)
	}
	return n, nil
}

// wanted returns what the options choose.
func wanted(c *cli.Context) func(ledger.Entry) bool {
	only, exclude := globs(c.StringSlice(flagOnly)), globs(c.StringSlice(flagExclude))
	all, used := len(c.StringSlice(flagOnly)) == 0, c.Bool(flagOnlyUsed)
	return func(e ledger.Entry) bool {
		return (all || only(e.Ref)) && !exclude(e.Ref) && (e.Used || !used)
	}
}

// chosen is the choice in words, for the audit log.
func chosen(c *cli.Context) map[string]any {
	out := map[string]any{}
	for _, name := range []string{flagOnly, flagExclude, flagReplace} {
		if list := c.StringSlice(name); len(list) > 0 {
			out[name] = list
		}
	}
	if c.Bool(flagOnlyUsed) {
		out[flagOnlyUsed] = true
	}
	return out
}
