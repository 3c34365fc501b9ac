package command

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) pluginInspect() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "start a plugin and show what it says of itself", ArgsUsage: "<name>|<file>",
		Description: "It is started without its configuration and touches no store. A <name> is started only if its file is the pinned one.\n" +
			"A <file>, which needs a folder in front of it (./plugin), is run as it is: you trust it.",
		Action: t.runPluginInspect,
	}
}

// inspected is the JSON form of what a plugin says of itself.
type inspected struct {
	Name         string              `json:"name"`
	Version      string              `json:"version"`
	Commit       string              `json:"commit,omitempty"`
	Contract     string              `json:"contract"`
	Capabilities []facade.Capability `json:"capabilities"`
	Limits       limits              `json:"limits"`
	// ConfigSchema is a JSON Schema (2020-12), when the plugin declares one.
	ConfigSchema json.RawMessage `json:"configSchema,omitempty"`
	Path         string          `json:"path"`
	Sha256       string          `json:"sha256"`
}

type limits struct {
	MaxValueBytes  int     `json:"maxValueBytes"`
	MaxRefBytes    int     `json:"maxRefBytes"`
	CallsPerSecond float64 `json:"callsPerSecond,omitempty"`
}

func (t *tool) runPluginInspect(c *cli.Context) error {
	if c.Args().Len() != 1 {
		return outcome.Usagef("%s takes one name or one file", c.Command.Name)
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	choice, err := t.target(program, c.Args().First())
	if err != nil {
		return err
	}
	if choice.Problem != nil {
		return fault.Wrap(fault.Unavailable, fault.SourceHost, "", choice.Problem)
	}
	info, err := t.inspect(c, program, choice, choice.Plugin.SHA256)
	if err != nil {
		return err
	}
	p := inspected{
		Name: info.Name, Version: info.Version, Commit: info.Commit, Contract: fmt.Sprintf("%d.%d", info.Major, info.Minor),
		Capabilities: info.Capabilities, Limits: limitsOf(info.Limits), Path: choice.Plugin.Path, Sha256: choice.Plugin.SHA256,
	}
	if info.Schema.Declared() {
		p.ConfigSchema = info.Schema.JSONSchema()
	}
	return t.printInspected(p, info.Schema)
}

// target finds a plugin by its name, or makes one of a file.
func (t *tool) target(program *boot.Program, nameOrFile string) (catalog.Choice, error) {
	if filepath.Base(nameOrFile) == nameOrFile {
		choices, err := t.choices(program, []string{nameOrFile})
		if err != nil {
			return catalog.Choice{}, err
		}
		return choices[0], nil
	}
	path, err := filepath.Abs(nameOrFile)
	if err != nil {
		return catalog.Choice{}, err
	}
	hash, err := launch.Hash(path)
	if err != nil {
		return catalog.Choice{}, err
	}
	return catalog.Choice{Provider: filepath.Base(path), Plugin: catalog.Plugin{Path: path, SHA256: hash, Pin: "the command line"}}, nil
}

func limitsOf(l provider.Limits) limits {
	return limits{MaxValueBytes: l.MaxValueBytes, MaxRefBytes: l.MaxRefBytes, CallsPerSecond: l.CallsPerSecond}
}

func (t *tool) printInspected(p inspected, schema configschema.Schema) error {
	if t.json {
		return t.printJSON(p)
	}
	var capabilities []string
	for _, c := range p.Capabilities {
		capabilities = append(capabilities, string(c))
	}
	facts := [][2]string{
		{"name", p.Name}, {"version", p.Version}, {"commit", orDash(p.Commit)}, {"contract", p.Contract},
		{"capabilities", strings.Join(capabilities, " ")},
		{"largest value", fmt.Sprintf("%d bytes", p.Limits.MaxValueBytes)}, {"longest ref", fmt.Sprintf("%d bytes", p.Limits.MaxRefBytes)},
	}
	if p.Limits.CallsPerSecond > 0 {
		facts = append(facts, [2]string{"calls a second", fmt.Sprintf("%g", p.Limits.CallsPerSecond)})
	}
	facts = append(facts, [2]string{"file", p.Path}, [2]string{"sha256", p.Sha256})
	text := table(facts, func(f [2]string) []string { return f[:] })
	if schema.Declared() {
		rows := append([][]string{{"KEY", "TYPE", "DEFAULT", "MEANING"}}, keys("", schema.Fields)...)
		text += "\nconfiguration\n" + table(rows, func(row []string) []string { return row })
	}
	return t.print(text)
}

// keys lists what can be configured, nested objects below their own key.
func keys(path string, fields []configschema.Field) [][]string {
	var rows [][]string
	for _, f := range fields {
		byDefault := orDash(f.Default)
		if f.Required {
			byDefault = "required"
		}
		kind := strings.ToLower(strings.ReplaceAll(f.Type.String(), "_", " "))
		rows = append(rows, []string{path + f.Key, kind, byDefault, f.About})
		rows = append(rows, keys(path+f.Key+":", f.Fields)...)
	}
	return rows
}
