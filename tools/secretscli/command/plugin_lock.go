package command

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

const flagSHA256 = "sha256"

func (t *tool) pluginLock() *cli.Command {
	return &cli.Command{
		Name: "lock", Usage: "trust the files of plugins as they are, and pin their SHA-256", ArgsUsage: "<name>...",
		Description: "Starts each once, without its configuration, to see that it is a plugin and of which version. For an entry of\n" +
			"Secrets:Plugins the hash goes into the appsettings file that has the entry; for DPAPI and AzureKeyVault into the lock\n" +
			"file beside them. With several names, all or none are pinned.",
		Flags:  []cli.Flag{&cli.StringFlag{Name: flagSHA256, Usage: "only if the file has this hash: `DIGITS`, as its publisher told you"}},
		Action: t.runPluginLock,
	}
}

// locked is the JSON form of a pin that was written.
type locked struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Version string `json:"version"`
	Sha256  string `json:"sha256"`
	// File has the pin; Changed is false when it had it before.
	File    string `json:"file"`
	Changed bool   `json:"changed"`
}

func (t *tool) runPluginLock(c *cli.Context) error {
	names, expected := c.Args().Slice(), strings.ToLower(c.String(flagSHA256))
	switch {
	case len(names) == 0:
		return outcome.Usagef("name the plugins to trust; secretscli plugin list shows them")
	case expected != "" && len(names) > 1:
		return outcome.Usagef("--%s is the hash of one file; name one plugin", flagSHA256)
	case expected != "" && !sha256Digits.MatchString(expected):
		return outcome.Usagef("--%s needs 64 hexadecimal digits", flagSHA256)
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	choices, err := t.choices(program, names)
	if err != nil {
		return err
	}
	var done []locked
	for _, choice := range choices {
		hash, err := launch.Hash(choice.Plugin.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", choice.Provider, err)
		}
		if expected != "" && hash != expected {
			return fmt.Errorf("%s has SHA-256 %s, not the expected %s; it was not pinned", choice.Plugin.Path, hash, expected)
		}
		info, err := t.inspect(c, program, choice, hash)
		if err != nil {
			return err
		}
		if choice.Shipped && info.Name != choice.Plugin.Name {
			return fmt.Errorf("%s is the plugin %s, not %s; it was not pinned", choice.Plugin.Path, info.Name, choice.Plugin.Name)
		}
		done = append(done, locked{
			Name: choice.Provider, Path: choice.Plugin.Path, Version: info.Version, Sha256: hash,
			Changed: choice.Problem != nil || choice.Plugin.SHA256 != hash || choice.Plugin.Version != info.Version && (choice.Shipped || choice.Plugin.Version != ""),
		})
	}
	for i, choice := range choices {
		if done[i].File, err = choice.Lock(program.Settings, done[i].Sha256, done[i].Version); err != nil {
			return fmt.Errorf("pin %s: %w", choice.Provider, err)
		}
	}
	return t.printLocked(done)
}

var sha256Digits = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (t *tool) printLocked(done []locked) error {
	if t.json {
		return t.printJSON(struct {
			Plugins []locked `json:"plugins"`
		}{done})
	}
	var text strings.Builder
	for _, l := range done {
		verb := "pinned"
		if !l.Changed {
			verb = "was pinned already:"
		}
		text.WriteString(outcome.Plain(fmt.Sprintf("%s %s %s, %s, with SHA-256 %s in %s", verb, l.Name, l.Version, l.Path, l.Sha256, l.File)) + "\n")
	}
	t.note("programs that run take a new pin when they are reloaded or started again")
	return t.print(text.String())
}

// inspect starts the file of choice, if it has that hash, and returns what the
// plugin says of itself. It is not configured.
func (t *tool) inspect(c *cli.Context, program *boot.Program, choice catalog.Choice, hash string) (facade.Info, error) {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration(flagTimeout))
	defer cancel()
	choice.Plugin.SHA256, choice.Plugin.Version, choice.Problem = hash, "", nil
	config := program.Host()
	config.Choice = choice
	info, err := host.Inspect(ctx, config)
	if err != nil {
		return facade.Info{}, fault.Wrap(fault.Unavailable, fault.SourcePlugin, "start the plugin "+choice.Provider, err)
	}
	return info, nil
}
