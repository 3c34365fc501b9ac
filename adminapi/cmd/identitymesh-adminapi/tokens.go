package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/boot"
)

// tokenCommand manages tokens for whoever may open the product database, who
// needs none.
func tokenCommand(config cli.Flag, onUsage cli.OnUsageErrorFunc, noArguments func(*cli.Context) error) *cli.Command {
	output := &cli.StringFlag{Name: "output", Value: "text", Usage: "`FORMAT` of the output: text or json"}
	name := &cli.StringFlag{Name: "name", Usage: "`NAME` of the token, as the audit log will have it"}
	role := &cli.StringFlag{Name: "role", Usage: "`ROLE` of the token: Viewer, Operator or Admin"}
	permission := &cli.StringSliceFlag{Name: "permission", Usage: "only the permission `P`, such as runs.start; may be repeated"}
	expires := &cli.StringFlag{Name: "expires", Value: "90d", Usage: "`WHEN` it stops being valid: 90d, 12h, 2027-01-31 or never"}
	with := func(do func(*cli.Context, *authn.Tokens, *audit.Log) error) cli.ActionFunc {
		return func(c *cli.Context) error {
			if format := c.String(output.Name); c.IsSet(output.Name) && format != "text" && format != "json" {
				return &boot.UsageError{Err: fmt.Errorf("--output takes text or json, not %q", format)}
			}
			return withTokens(c.Context, service.ConfigFile(c), func(tokens *authn.Tokens, log *audit.Log) error { return do(c, tokens, log) })
		}
	}
	inJSON := func(c *cli.Context) bool { return c.String(output.Name) == "json" }
	alone := func(do cli.ActionFunc) cli.ActionFunc {
		return func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return do(c)
		}
	}
	return &cli.Command{
		Name: "token", Usage: "manage API tokens", HideHelpCommand: true, OnUsageError: onUsage,
		Action: alone(func(*cli.Context) error {
			return &boot.UsageError{Err: errors.New("what about tokens? The commands are: token list, token create, token revoke, token reset")}
		}),
		Subcommands: []*cli.Command{{
			Name: "list", Usage: "list the tokens, which nobody sees again",
			Flags: []cli.Flag{config, output}, OnUsageError: onUsage,
			Action: alone(with(func(c *cli.Context, tokens *authn.Tokens, _ *audit.Log) error {
				return listTokens(c.Context, c.App.Writer, tokens, inJSON(c))
			})),
		}, {
			Name: "create", Usage: "make a token and print it, this once",
			Flags: []cli.Flag{config, name, role, permission, expires, output}, OnUsageError: onUsage,
			Action: alone(func(c *cli.Context) error {
				want, err := wanted(c.String(name.Name), c.String(role.Name), c.StringSlice(permission.Name), c.String(expires.Name), time.Now())
				if err != nil {
					return &boot.UsageError{Err: err}
				}
				return with(func(c *cli.Context, tokens *authn.Tokens, log *audit.Log) error {
					return createToken(c.Context, c.App.Writer, tokens, log, want, inJSON(c))
				})(c)
			}),
		}, {
			Name: "revoke", Usage: "delete a token, which is worth nothing from then on", ArgsUsage: "NAME|ID",
			Flags: []cli.Flag{config, output}, OnUsageError: onUsage,
			Action: func(c *cli.Context) error {
				if c.NArg() != 1 {
					return &boot.UsageError{Err: errors.New("token revoke takes the name or the id of one token, after the options")}
				}
				return with(func(c *cli.Context, tokens *authn.Tokens, log *audit.Log) error {
					return revokeToken(c.Context, c.App.Writer, tokens, log, c.Args().First(), inJSON(c))
				})(c)
			},
		}, {
			Name: "reset", Usage: "make a new administrator's token in place of the old one, which is worth nothing from then on",
			Flags: []cli.Flag{config}, OnUsageError: onUsage,
			Action: alone(with(func(c *cli.Context, tokens *authn.Tokens, log *audit.Log) error {
				return resetToken(c.Context, c.App.Writer, tokens, log)
			})),
		}},
	}
}

func withTokens(ctx context.Context, configFile string, do func(*authn.Tokens, *audit.Log) error) error {
	program, db, err := start(ctx, boot.Config{ConfigFile: configFile, Quiet: true})
	if err != nil {
		return err
	}
	defer func() { _ = program.Stop(context.WithoutCancel(ctx)) }()
	defer db.Close()
	log, err := openLog(ctx, db, program.Settings, nil)
	if err != nil {
		return err
	}
	tokens := authn.NewTokens(authn.TokensConfig{Store: db, Folder: program.Settings.Product.DataFolder, Logger: program.Logger, Now: time.Now})
	defer tokens.Close()
	return do(tokens, log)
}

// recorded does something between its two records in the audit log. Do returns what
// it was done to.
func recorded(ctx context.Context, log *audit.Log, action, target, detail string, do func() (string, error)) error {
	actor, address := audit.Caller()
	record, err := log.Begin(ctx, audit.Entry{Actor: actor, Address: address, Action: action, Target: target, Correlation: uuid.NewString(), Detail: detail})
	if err != nil {
		return err
	}
	made, err := do()
	if made != "" {
		record.About(made)
	}
	// It was done or not by now, also for who wants to end the program.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	return errors.Join(err, record.End(ctx, err, ""))
}

// recordLimit is how long writing a record may take.
const recordLimit = 10 * time.Second

// wanted is the token that the options describe, or all that is wrong with them.
func wanted(name, role string, permissions []string, expires string, now time.Time) (store.AdminToken, error) {
	want := store.AdminToken{Name: strings.TrimSpace(name), Permissions: permissions}
	var problems []string
	if err := authn.CheckName(want.Name); err != nil {
		problems = append(problems, "--name: "+err.Error())
	}
	strongest, err := authn.RoleOf(role, permissions)
	switch {
	case err != nil:
		problems = append(problems, err.Error())
	case strongest == "":
		problems = append(problems, "say what the token may do: --role, --permission, or both")
	}
	want.Role = string(strongest)
	if want.Expires, err = end(expires, now); err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		return want, errors.New(strings.Join(problems, "; "))
	}
	return want, nil
}

// end reads when a token expires; zero for never.
func end(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	at := now
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			at = now.AddDate(0, 0, int(n))
		}
	} else if life, err := time.ParseDuration(text); err == nil {
		at = now.Add(life)
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if day, err := time.Parse(layout, text); err == nil {
			at = day
		}
	}
	if !at.After(now) {
		return at, fmt.Errorf("--expires takes a time to come, such as 90d, 12h, 2027-01-31 or never, not %q", text)
	}
	return at, nil
}

func listTokens(ctx context.Context, out io.Writer, tokens *authn.Tokens, inJSON bool) error {
	list, err := tokens.List(ctx)
	if err != nil {
		return err
	}
	shown := make([]api.Token, 0, len(list))
	for _, t := range list {
		shown = append(shown, api.TokenOf(t, time.Now()))
	}
	if inJSON {
		return printJSON(out, map[string]any{"items": shown})
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tBEGINS\tROLE\tEXPIRES\tLAST USED\tCREATED BY\tID") // Flush has the error
	for _, t := range shown {
		role, expires, used := t.Role, "never", "never"
		if t.Narrowed {
			role = strings.Join(t.Permissions, " ")
		}
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
		}
		if t.Expired {
			expires += " (expired)"
		}
		if !t.LastUsed.IsZero() {
			used = t.LastUsed.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, authn.Prefix, t.Hint, role, expires, used, t.CreatedBy, t.ID)
	}
	return table.Flush()
}

func createToken(ctx context.Context, out io.Writer, tokens *authn.Tokens, log *audit.Log, want store.AdminToken, inJSON bool) error {
	want.CreatedBy, _ = audit.Caller()
	detail, err := json.Marshal(map[string]any{"wanted": api.TokenOf(want, time.Now())})
	if err != nil {
		return err
	}
	var made store.AdminToken
	var text string
	err = recorded(ctx, log, "tokens.create", "tokens", string(detail), func() (string, error) {
		var err error
		if made, text, err = tokens.Create(ctx, want); err != nil {
			return "", fmt.Errorf("make the token %s: %w", want.Name, err)
		}
		return "tokens/" + made.ID, nil
	})
	switch {
	case made.ID == "":
		return err
	case inJSON: // also when only the record failed, because nobody sees the token again
		return errors.Join(err, printJSON(out, api.CreatedToken{Token: api.TokenOf(made, time.Now()), Secret: text}))
	}
	_, unprinted := fmt.Fprintln(out, text)
	return errors.Join(err, unprinted)
}

func revokeToken(ctx context.Context, out io.Writer, tokens *authn.Tokens, log *audit.Log, which string, inJSON bool) error {
	list, err := tokens.List(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(t store.AdminToken) bool { return t.ID == which })
	if at < 0 {
		at = slices.IndexFunc(list, func(t store.AdminToken) bool { return strings.EqualFold(t.Name, which) })
	}
	if at < 0 {
		return errors.New("there is no token of that name or id; token list has them")
	}
	found := list[at]
	detail, err := json.Marshal(map[string]any{"before": api.TokenOf(found, time.Now())})
	if err != nil {
		return err
	}
	if err := recorded(ctx, log, "tokens.delete", "tokens/"+found.ID, string(detail), func() (string, error) {
		return "", tokens.Delete(ctx, found.ID)
	}); err != nil {
		return fmt.Errorf("delete the token %s: %w", found.Name, err)
	}
	if inJSON {
		return printJSON(out, api.TokenOf(found, time.Now()))
	}
	_, err = fmt.Fprintf(out, "the token %s is worth nothing now; an Admin API that runs follows within two seconds\n", found.Name)
	return err
}

func resetToken(ctx context.Context, out io.Writer, tokens *authn.Tokens, log *audit.Log) error {
	err := recorded(ctx, log, "tokens.reset", "tokens/"+authn.Name, "", func() (string, error) { return "", tokens.Reset(ctx) })
	if err != nil {
		return fmt.Errorf("reset the administrator's token: %w", err)
	}
	_, err = fmt.Fprintln(out, "the new token is in "+tokens.File()+"; the old one is worth nothing now; an Admin API that runs follows within two seconds")
	return err
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
