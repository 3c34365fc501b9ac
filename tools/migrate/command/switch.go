package command

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const flagAllowBlocked = "allow-blocked"

func (t *tool) switchOver() *cli.Command {
	return &cli.Command{
		Name: "switch", Usage: "put the target into force, for the engine and the Admin API, while they run", ArgsUsage: " ",
		Description: "Compares all copies once more, writes Secrets:Provider into the settings (with a backup beside them), asks every\n" +
			"process to read them again, waits until all of them use the target, takes over what was set in the source\n" +
			"meanwhile, and runs secretscli doctor. If it stops half way, run it again, or go back with rollback.\n\n" +
			"   identitymesh-migrate switch\n" +
			"   identitymesh-migrate switch --settings /etc/identitymesh-admin/appsettings.json\n" +
			"   identitymesh-migrate switch --allow-blocked secret://old/password",
		Flags: append(handoverFlags(), &cli.StringSliceFlag{Name: flagAllowBlocked, Usage: "a blocked `REF` that may stay behind; may be repeated"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			allowed, err := refs(c, flagAllowBlocked)
			if err != nil {
				return err
			}
			return t.within(c, needs{lock: true, database: true}, func(ctx context.Context, s *session) error {
				return s.switchOver(ctx, c, allowed)
			})
		},
	}
}

func (s *session) switchOver(ctx context.Context, c *cli.Context, allowed []secret.Ref) error {
	if err := s.openSides(ctx); err != nil {
		return err
	}
	h, err := s.handover(ctx, c)
	if err != nil {
		return err
	}
	var done *handover.Outcome
	err = s.audited(ctx, map[string]any{"from": s.migration.From, "to": s.migration.To, "allowBlocked": allowed}, func(ctx context.Context) (any, error) {
		err := s.watched(ctx, func() (err error) {
			done, err = h.Switch(ctx, handover.SwitchOptions{AllowBlocked: allowed, Verify: s.verifyAll})
			return err
		})
		return summary(done), err
	})
	if err != nil {
		return err
	}
	examined := s.doctor(ctx, c)
	return errors.Join(s.printHandover(context.WithoutCancel(ctx), s.migration.To, done), examined)
}

// verifyConcurrency is how many refs are compared at once.
const verifyConcurrency = 16

// verifyAll compares every copy, and takes over what was set in the source since.
func (s *session) verifyAll(ctx context.Context) error {
	progress := s.progress()
	defer progress.End()
	_, err := transfer.Verify(ctx, transfer.Config{
		Ledger: s.ledger, Pair: s.pair, Fingerprints: stores.NewFingerprints(), Concurrency: verifyConcurrency, OnProgress: progress.Set,
	})
	return err
}

// refs reads the refs that were given with an option.
func refs(c *cli.Context, flag string) (list []secret.Ref, err error) {
	for _, text := range c.StringSlice(flag) {
		ref, err := secret.ParseRef(text)
		if err != nil {
			return nil, commandline.Usagef("--%s: %v", flag, err)
		}
		list = append(list, ref)
	}
	return list, nil
}
