// Package diag reports problems of an input: each with the path of the key it
// is about, all of them at once, and warnings beside errors.
//
// It is for configuration and other input that a person wrote. For outcomes of
// operations see package fault. Start reading at [List].
package diag

import (
	"fmt"
	"strings"
)

// Severity says whether a problem stops what was asked for.
type Severity int

const (
	// Error stops.
	Error Severity = iota
	// Warning does not stop; it must be shown.
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one problem.
type Diagnostic struct {
	Severity Severity `json:"-"`
	// Path of the key, with ':' between its parts, as in Secrets:KeyVault:VaultUri.
	// Empty when the problem is not about one key.
	Path string `json:"path,omitempty"`
	// Summary says in one sentence what is wrong and what is expected. It never
	// holds a secret value.
	Summary string `json:"summary"`
	// Detail, when not empty, says more: the underlying error, or the next step.
	Detail string `json:"detail,omitempty"`
}

// String returns the diagnostic in one line.
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	if d.Path != "" {
		b.WriteString(d.Path)
		b.WriteString(": ")
	}
	b.WriteString(d.Summary)
	if d.Detail != "" {
		b.WriteString(": ")
		b.WriteString(d.Detail)
	}
	return b.String()
}

// List collects diagnostics in the order they were found. The zero List is ready
// to use. It is not safe for concurrent use.
type List []Diagnostic

// Errorf adds an error about the key at path.
func (l *List) Errorf(path, format string, args ...any) {
	*l = append(*l, Diagnostic{Severity: Error, Path: path, Summary: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning about the key at path.
func (l *List) Warnf(path, format string, args ...any) {
	*l = append(*l, Diagnostic{Severity: Warning, Path: path, Summary: fmt.Sprintf(format, args...)})
}

// Append adds all of others, each path put below prefix when that is not empty.
func (l *List) Append(prefix string, others List) {
	for _, d := range others {
		d.Path = Join(prefix, d.Path)
		*l = append(*l, d)
	}
}

// HasErrors reports whether one of the diagnostics stops.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Warnings returns only the warnings.
func (l List) Warnings() List { return l.only(Warning) }

// Errors returns only the errors.
func (l List) Errors() List { return l.only(Error) }

func (l List) only(s Severity) List {
	var out List
	for _, d := range l {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	return out
}

// Err returns nil when there are no errors, else an [*InvalidError] that holds
// the whole list.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return &InvalidError{Diagnostics: l}
}

// InvalidError is an input with at least one error.
type InvalidError struct{ Diagnostics List }

// Error returns every error, separated by "; ".
func (e *InvalidError) Error() string {
	var parts []string
	for _, d := range e.Diagnostics.Errors() {
		parts = append(parts, d.String())
	}
	return strings.Join(parts, "; ")
}

// Join puts path below prefix with ':' between them; either may be empty.
func Join(prefix, path string) string {
	switch {
	case prefix == "":
		return path
	case path == "":
		return prefix
	}
	return prefix + ":" + path
}
