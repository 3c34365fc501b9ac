package configschema

import (
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Markdown returns the table of keys for a page of documentation. A page is kept
// equal to the schema by a test that looks for this text in it.
func (s Schema) Markdown() string {
	var b strings.Builder
	b.WriteString("| Key | Default | Meaning |\n|---|---|---|\n")
	rows(&b, "", s.Fields)
	for _, group := range s.ExactlyOne {
		fmt.Fprintf(&b, "\nExactly one of `%s` is required.\n", strings.Join(group, "`, `"))
	}
	return b.String()
}

func rows(b *strings.Builder, path string, fields []Field) {
	for _, f := range fields {
		at := diag.Join(path, f.Key)
		if f.Type != Object {
			standard := ""
			switch {
			case f.Required:
				standard = "required"
			case f.Default != "":
				standard = "`" + f.Default + "`"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", at, strings.ReplaceAll(standard, "|", `\|`), strings.ReplaceAll(f.meaning(), "|", `\|`))
		}
		rows(b, at, f.Fields)
	}
}

// meaning is what a person should know of the field beside its default.
func (f Field) meaning() string {
	text := []string{f.About}
	add := func(when bool, format string, args ...any) {
		if when {
			text = append(text, fmt.Sprintf(format, args...))
		}
	}
	add(len(f.Values) > 0, "One of `%s`", strings.Join(f.Values, "`, `"))
	add(f.Min != "", "From `%s` to `%s`", f.Min, f.Max)
	both := f.RequiredWith != "" && f.RequiredWith == f.OnlyWith
	add(both, "Required with `%s`, and only with it", f.OnlyWith)
	add(!both && f.RequiredWith != "", "Required with `%s`", f.RequiredWith)
	add(!both && f.OnlyWith != "", "Only with `%s`", f.OnlyWith)
	add(f.Example != "", "Example: `%s`", f.Example)
	add(len(f.Formerly) > 0, "Formerly `%s`", strings.Join(f.Formerly, "`, `"))
	for i := range text {
		text[i] = strings.TrimSuffix(text[i], ".")
	}
	return strings.Join(text, ". ")
}
