package command

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/conformance"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

const (
	flagLevel       = "level"
	flagEnv         = "env"
	flagSeeds       = "seeds"
	flagUnreachable = "unreachable"
	flagAll         = "all"

	// checkLimit is enough for a store on the other side of the world.
	checkLimit = 15 * time.Minute
)

func (t *tool) pluginCheck() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check a plugin's binary against the specification of plugins", ArgsUsage: "<file>",
		Description: "For authors of plugins. Runs the file with the configuration in --config, which here is the plugin's own: a JSON object.\n" +
			"It WRITES to the store that the configuration names, below secret://conformance/, and removes that again: use a store for tests.\n" +
			"Each case is a rule of docs/spec. The exit code is 0 when the plugin reaches every level that it claims, or --level if given.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagLevel, Usage: "the `LEVEL` to reach: core, writer or versioned (default: what the plugin claims)"},
			&cli.StringSliceFlag{Name: flagEnv, Usage: "`NAME` of a variable that the plugin may see; may be repeated"},
			&cli.StringFlag{Name: flagSeeds, Usage: "JSON `FILE` with secrets that the store has, for a plugin that only reads: [{\"ref\": …, \"value\": … or \"base64\": …}]"},
			&cli.StringFlag{Name: flagUnreachable, Usage: "JSON `FILE` with a configuration whose store cannot be reached"},
			&cli.BoolFlag{Name: flagAll, Usage: "list the cases that passed, too"},
		},
		Action: t.runPluginCheck,
	}
}

func (t *tool) runPluginCheck(c *cli.Context) error {
	config, wanted, err := t.checkConfig(c)
	if err != nil {
		return err
	}
	limit := checkLimit
	if c.IsSet(flagTimeout) {
		limit = c.Duration(flagTimeout)
	}
	ctx, cancel := context.WithTimeout(c.Context, limit)
	defer cancel()
	total, done := len(conformance.Cases()), 0
	report, err := conformance.Run(ctx, config, func(r conformance.Result) {
		if done++; !t.json {
			t.note(fmt.Sprintf("%3d of %d  %s  %s (%s)", done, total, r.Verdict, r.Case, r.Duration.Round(time.Millisecond)))
		}
	})
	if err != nil && len(report.Results) == 0 {
		return err
	}
	if err := t.printReport(report, c.Bool(flagAll)); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if wanted == conformance.None {
		wanted = report.Claimed()
	}
	if report.Level() >= wanted {
		return nil
	}
	return &outcome.Reported{Code: outcome.LevelNone + int(report.Level())}
}

func (t *tool) printReport(report conformance.Report, all bool) error {
	if t.json {
		return t.printJSON(report)
	}
	var text strings.Builder
	if err := report.Write(&text, all); err != nil {
		return err
	}
	lines := strings.Split(text.String(), "\n")
	for i := range lines {
		lines[i] = outcome.Plain(lines[i])
	}
	return t.print(strings.Join(lines, "\n"))
}

// checkConfig reads what the options name; wanted is None when no level was given.
func (t *tool) checkConfig(c *cli.Context) (config conformance.Config, wanted conformance.Level, err error) {
	if c.Args().Len() != 1 {
		return config, wanted, outcome.Usagef("%s takes the file of one plugin", c.Command.Name)
	}
	if level := c.String(flagLevel); level != "" {
		if wanted, err = conformance.ParseLevel(level); err != nil || wanted == conformance.None {
			return config, wanted, outcome.Usagef("--%s must be core, writer or versioned", flagLevel)
		}
	}
	config = conformance.Config{Binary: c.Args().First(), Config: []byte("{}"), Environment: visible(t.Environ, c.StringSlice(flagEnv))}
	if config.Config, err = readObject(flagConfig, c.String(flagConfig), config.Config); err != nil {
		return config, wanted, err
	}
	if config.Unreachable, err = readObject(flagUnreachable, c.String(flagUnreachable), nil); err != nil {
		return config, wanted, err
	}
	if config.Seeds, err = readSeeds(c.String(flagSeeds)); err != nil {
		return config, wanted, err
	}
	if c.Bool(flagVerbose) {
		config.Logger = telemetry.NewLogger(t.Stderr, slog.LevelDebug, !t.json)
	}
	return config, wanted, nil
}

// visible are the variables that the names allow.
func visible(environ, names []string) []string {
	var out []string
	for _, kv := range environ {
		key, _, _ := strings.Cut(kv, "=")
		for _, name := range names {
			if key == name {
				out = append(out, kv)
			}
		}
	}
	return out
}

// maxConfigBytes is far more than a configuration has.
const maxConfigBytes = 1 << 20

// readObject reads a JSON object; none when there is no path. What is wrong with
// the file is told without quoting it.
func readObject(option, path string, none []byte) ([]byte, error) {
	if path == "" {
		return none, nil
	}
	body, err := readFile(option, path)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return nil, outcome.Usagef("--%s: %s is not one JSON object", option, path)
	}
	return body, nil
}

func readSeeds(path string) ([]conformance.Seed, error) {
	if path == "" {
		return nil, nil
	}
	body, err := readFile(flagSeeds, path)
	if err != nil {
		return nil, err
	}
	var list []struct{ Ref, Value, Base64 string }
	if json.Unmarshal(body, &list) != nil || len(list) == 0 {
		return nil, outcome.Usagef("--%s: %s is not a list of objects with ref and value or base64", flagSeeds, path)
	}
	var seeds []conformance.Seed
	for i, s := range list {
		value := []byte(s.Value)
		if s.Base64 != "" {
			if value, err = base64.StdEncoding.DecodeString(s.Base64); err != nil || s.Value != "" {
				return nil, outcome.Usagef("--%s: entry %d needs either value or base64, in the standard alphabet", flagSeeds, i+1)
			}
		}
		if s.Ref == "" {
			return nil, outcome.Usagef("--%s: entry %d has no ref", flagSeeds, i+1)
		}
		seeds = append(seeds, conformance.Seed{Ref: s.Ref, Value: value})
	}
	return seeds, nil
}

func readFile(option, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, outcome.Usagef("--%s: %v", option, err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, outcome.Usagef("--%s: %v", option, err)
	}
	if len(body) > maxConfigBytes {
		return nil, outcome.Usagef("--%s: %s has more than %d bytes", option, path, maxConfigBytes)
	}
	return body, nil
}
