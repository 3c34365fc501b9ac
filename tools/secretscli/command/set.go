package command

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/input"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

const (
	flagFile        = "file"
	flagKeepNewline = "keep-newline"
	flagAllowEmpty  = "allow-empty"
	flagExpires     = "expires"
	flagTag         = "tag"
	flagIfVersion   = "if-version"
	flagCreateOnly  = "create-only"
)

func (t *tool) set() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "store a value under a ref, as its new current version", ArgsUsage: "<ref>",
		Description: "At a terminal it asks for the value, twice and without echo. Otherwise name --stdin or --file.\n" +
			"A value as an argument is refused: the shell's history and the list of processes would show it.\n" +
			"One line break at the end of the standard input or of the file does not count, unless --keep-newline is given.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: flagStdin, Usage: "read the value from the standard input, to its end"},
			&cli.StringFlag{Name: flagFile, Usage: "read the value from the file `PATH`"},
			&cli.BoolFlag{Name: flagKeepNewline, Usage: "keep a line break at the end of the input; use it for binary files"},
			&cli.BoolFlag{Name: flagAllowEmpty, Usage: "store a value of no bytes"},
			&cli.StringFlag{Name: flagExpires, Usage: "`WHEN` the value expires: 2030-01-31T12:00:00Z, or from now on: 720h, 90d"},
			&cli.StringSliceFlag{Name: flagTag, Usage: "label the secret with `KEY=VALUE`; may be repeated. Labels are not secret"},
			&cli.StringFlag{Name: flagIfVersion, Usage: "only if the current version is `VERSION`"},
			&cli.BoolFlag{Name: flagCreateOnly, Usage: "only if there is no such secret"},
			anyRef(),
		},
		Action: t.runSet,
	}
}

func (t *tool) runSet(c *cli.Context) error {
	request, err := t.setRequest(c)
	if err != nil {
		return err
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	value, cut, err := t.value(c, request.Ref)
	if err != nil {
		return err
	}
	defer value.Wipe()
	if len(value.Reveal()) == 0 && !c.Bool(flagAllowEmpty) {
		return outcome.Usagef("the value is empty, and nothing was stored; --allow-empty stores it")
	}
	request.Value = value
	if cut && !t.json {
		t.note("note: the line break at the end of the input is not part of the value; --keep-newline keeps it")
	}
	return t.use(c, program, func(ctx context.Context, store *host.Administrator) error {
		m, err := store.Set(ctx, request)
		if err != nil {
			return uncertain(err)
		}
		o := originOf(program)
		if t.json {
			return t.printJSON(struct {
				entry
				origin
				NewlineRemoved bool `json:"newlineRemoved"`
			}{entryOf(m), o, cut})
		}
		return t.print(o.lines(entryOf(m)))
	})
}

// setRequest reads the command line; the value comes later.
func (t *tool) setRequest(c *cli.Context) (provider.SetRequest, error) {
	var none provider.SetRequest
	if c.NArg() > 1 {
		return none, outcome.Usagef("a value on the command line is refused, because the shell's history and the list of processes show it; " +
			"leave it out to be asked for it, or use --stdin or --file. If it was a real secret, change it: it has been seen")
	}
	ref, err := oneRef(c)
	if err != nil {
		return none, err
	}
	r := provider.SetRequest{Ref: ref}
	if r.Expires, err = t.expiry(c.String(flagExpires)); err != nil {
		return none, err
	}
	if r.Tags, err = tags(c.StringSlice(flagTag)); err != nil {
		return none, err
	}
	switch version := secret.Version(c.String(flagIfVersion)); {
	case c.Bool(flagCreateOnly) && c.IsSet(flagIfVersion):
		return none, outcome.Usagef("--%s and --%s exclude each other", flagCreateOnly, flagIfVersion)
	case c.IsSet(flagIfVersion) && version == "":
		return none, outcome.Usagef("--%s needs a version, as describe shows it", flagIfVersion)
	case c.IsSet(flagIfVersion), c.Bool(flagCreateOnly):
		r.Expected = &version // empty: there must be none
	}
	return r, t.checkSource(c)
}

// checkSource sees to it that there is one place the value comes from.
func (t *tool) checkSource(c *cli.Context) error {
	terminal := input.IsTerminal(t.Stdin)
	switch {
	case c.Bool(flagStdin) && c.IsSet(flagFile):
		return outcome.Usagef("--%s and --%s exclude each other", flagStdin, flagFile)
	case c.Bool(flagStdin) && terminal:
		return outcome.Usagef("the standard input is a terminal, which would show what is typed; leave --%s out to be asked without echo", flagStdin)
	case !c.Bool(flagStdin) && !c.IsSet(flagFile) && !terminal:
		return outcome.Usagef("there is no terminal to ask for the value; use --%s or --%s", flagStdin, flagFile)
	}
	return nil
}

func (t *tool) value(c *cli.Context, ref secret.Ref) (value secret.Value, cut bool, err error) {
	if !c.Bool(flagStdin) && !c.IsSet(flagFile) {
		// A person takes the time it takes.
		value, err = input.Prompt(c.Context, t.Stdin, t.Stderr, ref.String())
		return value, false, err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration(flagTimeout))
	defer cancel()
	if c.Bool(flagStdin) {
		return input.Read(ctx, t.Stdin, c.Bool(flagKeepNewline))
	}
	return input.File(ctx, c.String(flagFile), c.Bool(flagKeepNewline))
}

// tags reads KEY=VALUE. No message repeats one: people might mistake the option
// for the place of the value.
func tags(given []string) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(given))
	for _, text := range given {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, outcome.Usagef("--%s needs KEY=VALUE", flagTag)
		}
		if _, twice := out[key]; twice {
			return nil, outcome.Usagef("--%s has the same key twice", flagTag)
		}
		out[key] = value
	}
	return out, nil
}

// expiry reads a point in time or a span from now on; zero for none.
func (t *tool) expiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	now := t.Now()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		span, ok := span(text)
		if !ok {
			return at, outcome.Usagef("--%s needs a time as 2030-01-31T12:00:00Z, or a span as 720h or 90d", flagExpires)
		}
		at = now.Add(span)
	}
	if !at.After(now) {
		return at, outcome.Usagef("--%s must be in the future", flagExpires)
	}
	return at, nil
}
