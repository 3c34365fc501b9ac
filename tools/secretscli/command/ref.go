package command

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func anyRef() cli.Flag {
	return &cli.BoolFlag{Name: flagAnyRef, Usage: "also take refs that do not begin with " + secret.Scheme}
}

// oneRef returns the only argument.
func oneRef(c *cli.Context) (secret.Ref, error) {
	switch c.NArg() {
	case 0:
		return "", outcome.Usagef("the ref is missing; see %s --help", c.Command.HelpName)
	case 1:
		return parseRef(c, c.Args().First())
	}
	return "", outcome.Usagef("%s takes one ref and nothing else; see %s --help", c.Command.Name, c.Command.HelpName)
}

func parseRef(c *cli.Context, text string) (secret.Ref, error) {
	parse := secret.ParseConfigRef
	if c.Bool(flagAnyRef) {
		parse = secret.ParseRef
	}
	ref, err := parse(text)
	if err != nil {
		return "", outcome.Usagef("%v", err)
	}
	return ref, nil
}

// uncertain adds to the error of a change what is not known after it.
func uncertain(err error) error {
	var failed *fault.Error
	if !errors.As(err, &failed) || failed.Reason != fault.Timeout && failed.Reason != fault.Cancelled {
		return err
	}
	told := *failed
	told.Message += "; the change may or may not have happened: describe the secret before you try again"
	return &told
}
