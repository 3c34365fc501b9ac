package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
	"github.com/identitymesh/identitymesh/tools/secretscli/escrow"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

const (
	flagBundle   = "bundle"
	flagTo       = "to"
	flagNeed     = "need"
	flagOut      = "out"
	flagForce    = "force"
	flagIdentity = "identity"
	flagShare    = "share"
	flagReplace  = "replace"
	flagDryRun   = "dry-run"
)

func (t *tool) dr() *cli.Command {
	return &cli.Command{
		Name: "dr", Usage: "prepare for the loss of this host, and recover from it", ArgsUsage: "<command>",
		Description: "Secrets of the DPAPI provider open on one host only. \"dr export\" packs them into a bundle that several people have to\n" +
			"open together, \"dr import\" puts them into the store of a new host, and \"dr check\" says what would be lost today.\n" +
			"Exports and imports are recorded in the audit log.",
		Subcommands: []*cli.Command{t.drCheck(), t.drExport(), t.drImport(), t.drShow(), t.drKeygen(), t.drShare()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return outcome.Usagef("there is no such dr command; see %s --help", c.Command.HelpName)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// patience gives a command its deadline only when somebody asked for one: what it
// does with all secrets of a store may take long, and each call has a limit of its
// own.
func patience(c *cli.Context) (context.Context, context.CancelFunc) {
	if c.IsSet(flagTimeout) {
		return context.WithTimeout(c.Context, c.Duration(flagTimeout))
	}
	return context.WithCancel(c.Context)
}

// database opens the product database with what dr needs of it.
func database(ctx context.Context, program *boot.Program) (*store.Store, *audit.Log, error) {
	product := program.Settings.Product
	db, err := store.Open(ctx, store.Config{DB: productdb.Config{ConnectionString: product.SqlConnectionString, DataFolder: product.DataFolder}})
	if err != nil {
		return nil, nil, fault.Wrap(fault.Unavailable, fault.SourceHost, "open the product database", err)
	}
	log, err := audit.Open(ctx, db.DB(), nil)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, log, nil
}

// entryFor says who does what, for the audit log.
func entryFor(ctx context.Context, action, target string, detail any) (audit.Entry, error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("describe the action for the audit log: %w", err)
	}
	actor, address := audit.Caller()
	return audit.Entry{
		Actor: actor, Address: address, Action: action, Target: target,
		Correlation: telemetry.TraceID(telemetry.TraceParent(ctx)), Detail: string(text),
	}, nil
}

// holders reads public keys, or files with one in each line.
func holders(texts []string) ([]escrow.Holder, error) {
	var out []escrow.Holder
	for _, text := range texts {
		if err := noPrivateKey(flagTo, text); err != nil {
			return nil, err
		}
		keys := []string{text}
		if !strings.HasPrefix(text, "age1") {
			lines, err := keyLines(text)
			if err != nil {
				return nil, outcome.Usagef("--%s needs a public key of age, which begins with age1, or a file with such keys: %v", flagTo, err)
			}
			keys = lines
		}
		for i, key := range keys {
			parsed, err := age.ParseRecipients(strings.NewReader(key))
			if err != nil || len(parsed) != 1 {
				// It is not repeated: it may be a private one.
				return nil, outcome.Usagef("--%s: key %d of %s is no public key of age; \"secretscli dr keygen\" makes one", flagTo, i+1, text)
			}
			for _, h := range out {
				if h.Key == key {
					return nil, outcome.Usagef("the key %s is there twice; each must be of another person", key)
				}
			}
			out = append(out, escrow.Holder{Key: key, Recipient: parsed[0]})
		}
	}
	return out, nil
}

// noPrivateKey keeps a private key in the place of something else from being
// repeated by the error of what it was taken for.
func noPrivateKey(flag, text string) error {
	if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(text)), "AGE-SECRET-KEY-") {
		return outcome.Usagef("--%s was given a private key itself, which the shell's history and the list of processes show now: "+
			"make a new pair with \"secretscli dr keygen\", and name its file or its public key", flag)
	}
	return nil
}

func keyLines(path string) (keys []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return keys, lines.Err()
		}
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
}

// identities reads files with private keys.
func identities(paths []string) (all []age.Identity, err error) {
	for _, path := range paths {
		if err := noPrivateKey(flagIdentity, path); err != nil {
			return nil, err
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, outcome.Usagef("--%s: %v", flagIdentity, err)
		}
		parsed, err := age.ParseIdentities(f)
		_ = f.Close()
		if err != nil {
			// The error of the parser may show a part of the file.
			return nil, outcome.Usagef("--%s: %s is no file of private keys of age, with one in each line", flagIdentity, path)
		}
		all = append(all, parsed...)
	}
	return all, nil
}
