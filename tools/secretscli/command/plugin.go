package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/tools/secretscli/installed"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) plugin() *cli.Command {
	return &cli.Command{
		Name: "plugin", Usage: "list, inspect, pin, verify and check provider plugins", ArgsUsage: "<command>",
		Description: "A plugin is only started when its file has the SHA-256 that was pinned for it. These commands show what is\n" +
			"installed and pin it. A <name> is what Secrets:Provider may be set to: DPAPI, AzureKeyVault or an entry of Secrets:Plugins.",
		Subcommands: []*cli.Command{t.pluginList(), t.pluginInspect(), t.pluginLock(), t.pluginVerify(), t.pluginCheck()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return outcome.Usagef("there is no such plugin command; see %s --help", c.Command.HelpName)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func (t *tool) pluginList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "show every plugin that could be chosen, and whether its file is the pinned one", ArgsUsage: " ",
		Description: "Starts none of them.",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			plugins, err := t.installed(c, nil)
			if err != nil {
				return err
			}
			return t.printPlugins(plugins)
		},
	}
}

func (t *tool) pluginVerify() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "compare the files of plugins with their pins", ArgsUsage: "[<name>...]",
		Description: "Without names it verifies every plugin that is installed. Exit code 1 when a file is not the pinned one. Starts none of them.",
		Action: func(c *cli.Context) error {
			plugins, err := t.installed(c, c.Args().Slice())
			if err != nil {
				return err
			}
			if !c.Args().Present() {
				plugins = slices.DeleteFunc(plugins, func(p installed.Plugin) bool { return p.State == installed.Missing && !p.InForce })
			}
			if err := t.printPlugins(plugins); err != nil {
				return err
			}
			if slices.ContainsFunc(plugins, func(p installed.Plugin) bool { return p.State != installed.OK }) {
				return &outcome.Reported{Code: outcome.Failed}
			}
			return nil
		},
	}
}

// installed examines the plugins of those names, or all.
func (t *tool) installed(c *cli.Context, names []string) ([]installed.Plugin, error) {
	program, err := t.start(c)
	if err != nil {
		return nil, err
	}
	defer t.end(c, program)
	choices, err := t.choices(program, names)
	if err != nil {
		return nil, err
	}
	plugins := []installed.Plugin{}
	for _, choice := range choices {
		p := installed.Examine(choice)
		p.InForce = choice.Provider == program.Choice.Provider
		plugins = append(plugins, p)
	}
	return plugins, nil
}

// choices returns the plugins of those names, or all.
func (t *tool) choices(program *boot.Program, names []string) ([]catalog.Choice, error) {
	all := program.Plugins()
	if len(names) == 0 {
		return all, nil
	}
	var known, unknown []string
	for _, c := range all {
		known = append(known, c.Provider)
	}
	var chosen []catalog.Choice
	for _, name := range names {
		n := slices.IndexFunc(all, func(c catalog.Choice) bool {
			return strings.EqualFold(c.Provider, name) || c.Shipped && strings.EqualFold(c.Plugin.Name, name)
		})
		if n < 0 {
			unknown = append(unknown, fmt.Sprintf("%q", name))
			continue
		}
		chosen = append(chosen, all[n])
	}
	if len(unknown) > 0 {
		return nil, outcome.Usagef("there is no plugin %s; there are: %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	return chosen, nil
}

func (t *tool) printPlugins(plugins []installed.Plugin) error {
	if t.json {
		return t.printJSON(struct {
			Plugins []installed.Plugin `json:"plugins"`
		}{plugins})
	}
	rows := append([]installed.Plugin{{}}, plugins...) // the first for the head
	text := table(rows, func(p installed.Plugin) []string {
		if p.Name == "" {
			return []string{"NAME", "STATE", "VERSION", "FILE"}
		}
		name := p.Name
		if p.InForce {
			name += " (in force)"
		}
		return []string{name, string(p.State), orDash(p.Version), p.Path}
	})
	for _, p := range plugins {
		if p.State != installed.OK {
			text += outcome.Plain(p.Name+": "+p.Problem) + "\n  " + outcome.Plain("next: "+p.Next) + "\n"
		}
	}
	return t.print(text)
}
