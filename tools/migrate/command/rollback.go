package command

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
)

const (
	flagKeepSource = "keep-source"
	flagKeepTarget = "keep-target"
)

func (t *tool) rollback() *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "put the source into force again, with what was set in the target since the switch", ArgsUsage: " ",
		Description: "Takes back to the source what was set in the target while that was in force, writes Secrets:Provider into the\n" +
			"settings, waits until every process uses the source, and looks once more. It is possible until purge. Before a\n" +
			"switch it only ends the migration; what was copied stays in the target. A ref that was set in both stores stops\n" +
			"it until you say which value is kept.\n\n" +
			"   identitymesh-migrate rollback\n" +
			"   identitymesh-migrate rollback --keep-target secret://ad/svc/password",
		Flags: append(handoverFlags(),
			&cli.StringSliceFlag{Name: flagKeepSource, Usage: "keep the source's value of `REF`; may be repeated"},
			&cli.StringSliceFlag{Name: flagKeepTarget, Usage: "keep the target's value of `REF`; may be repeated"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o, err := keeps(c)
			if err != nil {
				return err
			}
			return t.within(c, needs{lock: true, database: true}, func(ctx context.Context, s *session) error {
				return s.rollback(ctx, c, o)
			})
		},
	}
}

func keeps(c *cli.Context) (o handover.RollbackOptions, err error) {
	o = handover.RollbackOptions{KeepSource: map[secret.Ref]bool{}, KeepTarget: map[secret.Ref]bool{}}
	for flag, into := range map[string]map[secret.Ref]bool{flagKeepSource: o.KeepSource, flagKeepTarget: o.KeepTarget} {
		list, err := refs(c, flag)
		if err != nil {
			return o, err
		}
		for _, ref := range list {
			into[ref] = true
		}
	}
	for ref := range o.KeepSource {
		if o.KeepTarget[ref] {
			return o, commandline.Usagef("%s cannot keep both values", ref)
		}
	}
	return o, nil
}

func (s *session) rollback(ctx context.Context, c *cli.Context, o handover.RollbackOptions) error {
	if err := s.openSides(ctx); err != nil {
		return err
	}
	h, err := s.handover(ctx, c)
	if err != nil {
		return err
	}
	var done *handover.Outcome
	err = s.audited(ctx, map[string]any{"from": s.migration.To, "to": s.migration.From}, func(ctx context.Context) (any, error) {
		err := s.watched(ctx, func() (err error) {
			done, err = h.Rollback(ctx, o)
			return err
		})
		return summary(done), err
	})
	if err != nil {
		return err
	}
	examined := s.doctor(ctx, c)
	return errors.Join(s.printHandover(context.WithoutCancel(ctx), s.migration.From, done), examined)
}
