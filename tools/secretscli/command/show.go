package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// entry is the JSON form of what may be shown of a secret.
type entry struct {
	Ref       string            `json:"ref,omitempty"`
	Name      string            `json:"name"`
	Version   string            `json:"version"`
	Created   time.Time         `json:"created,omitzero"`
	Updated   time.Time         `json:"updated,omitzero"`
	Expires   time.Time         `json:"expires,omitzero"`
	NotBefore time.Time         `json:"notBefore,omitzero"`
	Disabled  bool              `json:"disabled"`
	Tags      map[string]string `json:"tags,omitempty"`
}

func entryOf(m secret.Metadata) entry {
	return entry{
		Ref: m.Ref.String(), Name: m.Name, Version: string(m.Version),
		Created: m.Created.UTC(), Updated: m.Updated.UTC(), Expires: m.Expires.UTC(), NotBefore: m.NotBefore.UTC(),
		Disabled: m.Disabled, Tags: m.Tags,
	}
}

// origin is the part of each JSON result that says which store it is about.
type origin struct {
	Provider string `json:"provider"`
	// Fallback is true when the configured provider is not known.
	Fallback bool     `json:"fallback"`
	Warnings []string `json:"warnings,omitempty"`
}

func originOf(p *boot.Program) origin {
	return origin{Provider: p.Choice.Provider, Fallback: p.Choice.Fallback, Warnings: texts(p.Warnings)}
}

func texts(list diag.List) []string {
	var out []string
	for _, d := range list {
		d.Severity = diag.Error // its text need not begin with "warning"
		out = append(out, d.String())
	}
	return out
}

// lines is a secret for people: one fact a line.
func (o origin) lines(e entry) string {
	facts := [][2]string{{"ref", e.Ref}, {"name", e.Name}, {"version", e.Version}, {"provider", o.named()}}
	for _, at := range []struct {
		name string
		time time.Time
	}{{"created", e.Created}, {"updated", e.Updated}, {"expires", e.Expires}, {"not before", e.NotBefore}} {
		if !at.time.IsZero() {
			facts = append(facts, [2]string{at.name, at.time.Format(time.RFC3339)})
		}
	}
	if e.Disabled {
		facts = append(facts, [2]string{"disabled", "yes, its value cannot be read"})
	}
	for _, key := range slices.Sorted(maps.Keys(e.Tags)) {
		facts = append(facts, [2]string{"tag", key + "=" + e.Tags[key]})
	}
	return table(facts, func(f [2]string) []string { return f[:] })
}

func (o origin) named() string {
	if o.Fallback {
		return o.Provider + " (fallback: the configured provider is not known)"
	}
	return o.Provider
}

// table aligns cells, which come out without control characters.
func table[T any](rows []T, cells func(T) []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range cells(row) {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, outcome.Plain(cell))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // into a builder, which takes everything
	return b.String()
}

// printJSON writes a result as one JSON document.
func (t *tool) printJSON(result any) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result as JSON: %w", err)
	}
	return t.print(string(text) + "\n")
}
