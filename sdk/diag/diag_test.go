package diag_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

func TestDiagnosticInOneLine(t *testing.T) {
	tests := []struct {
		name string
		d    diag.Diagnostic
		want string
	}{
		{"an error about a key", diag.Diagnostic{Path: "A:B", Summary: "wrong"}, "A:B: wrong"},
		{"with detail", diag.Diagnostic{Path: "A:B", Summary: "wrong", Detail: "line 3"}, "A:B: wrong: line 3"},
		{"a warning", diag.Diagnostic{Severity: diag.Warning, Path: "A", Summary: "odd"}, "warning: A: odd"},
		{"not about one key", diag.Diagnostic{Summary: "wrong"}, "wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.d.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if diag.Error.String() != "error" || diag.Warning.String() != "warning" {
		t.Error("the severities have other names")
	}
}

func texts(l diag.List) []string {
	var all []string
	for _, d := range l {
		all = append(all, d.String())
	}
	return all
}

func TestListKeepsTheOrderInWhichProblemsWereFound(t *testing.T) {
	var l diag.List
	l.Errorf("Z", "first %d", 1)
	l.Warnf("A", "second")
	l.Errorf("M", "third")
	if got, want := texts(l), []string{"Z: first 1", "warning: A: second", "M: third"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got, want := texts(l.Errors()), []string{"Z: first 1", "M: third"}; !slices.Equal(got, want) {
		t.Errorf("errors %q", got)
	}
	if got, want := texts(l.Warnings()), []string{"warning: A: second"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q", got)
	}
}

func TestAppendPutsEveryPathBelowThePrefix(t *testing.T) {
	inner := diag.List{{Path: "VaultUri", Summary: "wrong"}, {Severity: diag.Warning, Summary: "odd"}}
	var l diag.List
	l.Errorf("Before", "x")
	l.Append("Secrets:KeyVault", inner)
	l.Append("", inner)
	want := []string{"Before: x", "Secrets:KeyVault:VaultUri: wrong", "warning: Secrets:KeyVault: odd", "VaultUri: wrong", "warning: odd"}
	if got := texts(l); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if inner[0].Path != "VaultUri" {
		t.Error("the appended list was changed")
	}
}

func TestJoin(t *testing.T) {
	for _, tt := range [][3]string{{"A", "B", "A:B"}, {"", "B", "B"}, {"A", "", "A"}, {"", "", ""}, {"A:B", "C:D", "A:B:C:D"}} {
		if got := diag.Join(tt[0], tt[1]); got != tt[2] {
			t.Errorf("Join(%q, %q) = %q", tt[0], tt[1], got)
		}
	}
}

func TestWarningsDoNotStop(t *testing.T) {
	var l diag.List
	if l.HasErrors() || l.Err() != nil {
		t.Error("an empty list stops")
	}
	l.Warnf("A", "odd")
	if l.HasErrors() || l.Err() != nil {
		t.Error("a warning stops")
	}
	l.Errorf("B", "wrong")
	if !l.HasErrors() || l.Err() == nil {
		t.Error("an error does not stop")
	}
}

func TestErrHasEveryErrorAndKeepsTheWholeList(t *testing.T) {
	var l diag.List
	l.Errorf("A", "one")
	l.Warnf("W", "odd")
	l.Errorf("B", "two")
	err := fmt.Errorf("start: %w", l.Err())
	if got := err.Error(); got != "start: A: one; B: two" {
		t.Errorf("got %q", got)
	}
	var invalid *diag.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Diagnostics) != 3 {
		t.Errorf("the list behind the error is lost: %v", invalid)
	}
}

func TestDiagnosticAsJSON(t *testing.T) {
	got, err := json.Marshal(diag.List{{Path: "A", Summary: "wrong"}, {Summary: "x", Detail: "y"}})
	if want := `[{"path":"A","summary":"wrong"},{"summary":"x","detail":"y"}]`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}
