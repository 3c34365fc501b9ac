package service

import (
	_ "embed"
	"strings"
	"text/template"
)

//go:embed unit.tmpl
var unitText string

// sysusersText declares the account of both services; see sysusers.d(5).
//
//go:embed sysusers.conf
var sysusersText string

// unit is what differs between one unit and another.
type unit struct {
	Name, DisplayName, Page string
	Executable, Config      string
	// Writable are the folders outside of systemd's own that it writes to.
	Writable []string
}

// render returns the unit for systemd.
func (u unit) render() (string, error) {
	t, err := template.New("unit").Funcs(template.FuncMap{"quote": quoteUnit, "command": quoteCommand}).Parse(unitText)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, u)
	return out.String(), err
}

// quoteUnit writes a word so that systemd reads it as it is: see "Quoting" in
// systemd.syntax(7) and "Specifiers" in systemd.unit(5).
func quoteUnit(word string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(word)
	if escaped == word && !strings.ContainsAny(word, " \t'") {
		return word
	}
	return `"` + escaped + `"`
}

// quoteCommand is quoteUnit for command lines, where systemd also puts in variables.
func quoteCommand(word string) string { return strings.ReplaceAll(quoteUnit(word), "$", "$$") }
