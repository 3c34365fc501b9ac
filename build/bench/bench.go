// Package bench measures the product's figures. Most are ratios of two things
// that are done in turn within one run, because absolute times say little on a
// shared machine. Each figure has a goal; missing it is reported, never an error.
//
// The measurements themselves are in the other files, one each. Start reading at
// [Figure].
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Figure is a measured value.
type Figure struct {
	Name string
	// Value, and the Goal that it is held against.
	Value, Goal float64
	// AtLeast: more is better; otherwise less is.
	AtLeast bool
}

// OK reports whether the goal is reached.
func (f Figure) OK() bool {
	if f.AtLeast {
		return f.Value >= f.Goal
	}
	return f.Value <= f.Goal
}

// Write writes the figure as one line of JSON.
func (f Figure) Write(w io.Writer) error {
	line, err := json.Marshal(struct {
		Bench string  `json:"bench"`
		Ratio float64 `json:"ratio"`
		Goal  float64 `json:"goal"`
		OK    bool    `json:"ok"`
	}{f.Name, round(f.Value), f.Goal, f.OK()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}

func round(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

// Env is what measurements share.
type Env struct {
	// Bin has the product's binaries.
	Bin string
	// Dir is a temporary folder.
	Dir string
	// Log receives progress for people.
	Log io.Writer
}

func (e Env) say(format string, args ...any) { fmt.Fprintf(e.Log, format+"\n", args...) }

// Measurement makes figures.
type Measurement struct {
	Name string
	Run  func(context.Context, Env) ([]Figure, error)
	// NeedsCloud: it cannot run where cloud.Enter fails.
	NeedsCloud bool
}

// All returns every measurement in the order they should run.
func All() []Measurement {
	return []Measurement{
		{Name: "plugin_start", Run: PluginStart},
		{Name: "plugin_start_many", Run: PluginStartMany},
		{Name: "plugin_idle", Run: PluginIdle},
		{Name: "host_get", Run: HostGet},
		{Name: "keyvault", Run: KeyVault, NeedsCloud: true},
		{Name: "dpapi", Run: DPAPI},
		{Name: "migrate", Run: Migrate, NeedsCloud: true},
		{Name: "ldap_import", Run: LDAPImport},
		{Name: "delta_statements", Run: DeltaStatements},
		{Name: "adminapi_lists", Run: Lists},
		{Name: "import_rss", Run: ImportMemory},
		{Name: "adminapi_streams", Run: Streams},
	}
}

func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
