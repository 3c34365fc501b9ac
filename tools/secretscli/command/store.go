package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// boot loads the configuration. Stop the program in the end.
func (t *tool) boot(c *cli.Context) (*boot.Program, error) {
	logs := io.Discard
	if c.Bool(flagVerbose) {
		logs = t.Stderr
	}
	return boot.Start(c.Context, boot.Config{
		Service: "secretscli", Build: t.Build, ConfigFile: c.String(flagConfig), Environ: t.Environ,
		Logs: logs, Quiet: !c.Bool(flagVerbose),
	})
}

// start is boot for the commands that use the store: it shows the warnings too.
func (t *tool) start(c *cli.Context) (*boot.Program, error) {
	program, err := t.boot(c)
	if err != nil {
		return nil, err
	}
	if !t.json && !c.Bool(flagVerbose) {
		for _, w := range program.Warnings {
			t.note(w.String())
		}
		// What goes wrong with the plugin meanwhile.
		program.Logger = telemetry.NewLogger(t.Stderr, slog.LevelWarn, true)
	}
	return program, nil
}

// note tells people something beside the result.
func (t *tool) note(text string) { fmt.Fprintln(t.Stderr, outcome.Plain(text)) }

// use runs the plugin of the provider in force while do works with its store.
func (t *tool) use(c *cli.Context, program *boot.Program, do func(context.Context, *host.Administrator) error) error {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration(flagTimeout))
	defer cancel()
	store, err := host.OpenAdministrator(program.Host())
	if err != nil {
		return fault.Wrap(fault.Unavailable, fault.SourceHost, "start the secret provider "+program.Choice.Provider, err)
	}
	defer t.stop(program, store)
	return do(ctx, store)
}

func (t *tool) stop(program *boot.Program, store io.Closer) {
	if err := store.Close(); err != nil {
		program.Logger.Warn("the plugin's folder could not be removed", telemetry.KeyError, err)
	}
}

// end sends what telemetry still holds back, also after an interrupt.
func (t *tool) end(c *cli.Context, program *boot.Program) {
	if err := program.Stop(context.WithoutCancel(c.Context)); err != nil {
		program.Logger.Warn("telemetry could not be sent", telemetry.KeyError, err)
	}
}
