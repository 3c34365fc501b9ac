package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// Verdict is how a case ended.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	// Skip: the rule does not concern this plugin, or could not be tried here.
	Skip Verdict = "skip"
)

// Result of one case.
type Result struct {
	// Case is the anchor of the rule, Spec the page with it.
	Case, Spec string
	// Level that the case belongs to; None for advice.
	Level   Level
	Verdict Verdict
	// Why says what was expected and what came instead, or why it was skipped.
	// It quotes no value.
	Why string
	// Unmet is true for a case that was skipped for want of something that the
	// caller could have given. Its level is not reached.
	Unmet    bool
	Duration time.Duration
}

// Report is what a run found.
type Report struct {
	// Binary is the file that was run, SHA256 its hash in hexadecimal digits.
	Binary, SHA256 string
	// Plugin is what the binary says of itself.
	Plugin facade.Info
	// Results are in the order of [Cases].
	Results []Result
	// Leftovers are refs that the run wrote and could not remove.
	Leftovers []string
}

// Level is the highest level of which, and below which, every case that concerns
// the plugin passed.
func (r Report) Level() Level {
	lowest := Versioned + 1
	for _, x := range r.Results {
		if x.Level != None && (x.Verdict == Fail || x.Unmet) {
			lowest = min(lowest, x.Level)
		}
	}
	if len(r.Results) == 0 {
		return None
	}
	return min(lowest-1, r.Claimed())
}

// Claimed is the level that the plugin would reach if it kept every rule that
// concerns it.
func (r Report) Claimed() Level {
	switch {
	case !r.Plugin.Capabilities.Has(facade.Write):
		return Core
	case !r.Plugin.Capabilities.Has(facade.Versions):
		return Writer
	}
	return Versioned
}

// Count returns how many cases ended with v.
func (r Report) Count(v Verdict) (n int) {
	for _, x := range r.Results {
		if x.Verdict == v {
			n++
		}
	}
	return n
}

// Write renders the report for people: a line for each case, with the reason and
// the page below those that failed, and a summary. Cases that passed are listed
// only when all is true.
func (r Report) Write(w io.Writer, all bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (contract %d.%d) at %s\nSHA-256 %s\nclaims %s\n\n", orText(r.Plugin.Name, "(no name)"), r.Plugin.Version,
		r.Plugin.Major, r.Plugin.Minor, r.Binary, r.SHA256, claims(r.Plugin.Capabilities))
	for _, x := range r.Results {
		if x.Verdict == Pass && !all {
			continue
		}
		kind := x.Level.String()
		if x.Level == None {
			kind = "advice"
		}
		fmt.Fprintf(&b, "%-4s  %s (%s)\n", strings.ToUpper(string(x.Verdict)), x.Case, kind)
		if x.Why != "" {
			fmt.Fprintf(&b, "      %s\n", strings.ReplaceAll(x.Why, "\n", "\n      "))
		}
		if x.Verdict == Fail {
			fmt.Fprintf(&b, "      %s\n", x.Spec)
		}
	}
	for _, ref := range r.Leftovers {
		fmt.Fprintf(&b, "LEFT  %q could not be removed from the store\n", ref)
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d skipped; level reached: %s\n", r.Count(Pass), r.Count(Fail), r.Count(Skip), r.Level())
	_, err := io.WriteString(w, b.String())
	return err
}

func claims(cs facade.Capabilities) string {
	if len(cs) == 0 {
		return "nothing beyond reading"
	}
	var names []string
	for _, c := range cs {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// MarshalJSON returns the report for programs. Within a format number members
// are only added:
//
//	{"format": 1, "binary": "/path", "sha256": "…", "level": "writer",
//	 "plugin": {"name": "…", "version": "…", "commit": "…", "contract": "1.0",
//	            "capabilities": ["LIST", …], "max_value_bytes": 1048576, "max_ref_bytes": 4096},
//	 "counts": {"pass": 60, "fail": 0, "skip": 4},
//	 "results": [{"case": "…", "level": "core", "verdict": "pass", "why": "…",
//	              "unmet": true, "spec": "docs/spec/value.md#…", "duration_ms": 12}, …],
//	 "leftovers": ["secret://…", …]}
//
// The level of a case is "none" for advice; why, unmet and leftovers are missing
// when there is nothing to say.
func (r Report) MarshalJSON() ([]byte, error) {
	type result struct {
		Case     string  `json:"case"`
		Level    Level   `json:"level"`
		Verdict  Verdict `json:"verdict"`
		Why      string  `json:"why,omitempty"`
		Unmet    bool    `json:"unmet,omitempty"`
		Spec     string  `json:"spec"`
		Duration int64   `json:"duration_ms"`
	}
	type plugin struct {
		Name          string              `json:"name"`
		Version       string              `json:"version"`
		Commit        string              `json:"commit,omitempty"`
		Contract      string              `json:"contract"`
		Capabilities  facade.Capabilities `json:"capabilities"`
		MaxValueBytes int                 `json:"max_value_bytes"`
		MaxRefBytes   int                 `json:"max_ref_bytes"`
	}
	out := struct {
		Format    int             `json:"format"`
		Binary    string          `json:"binary"`
		SHA256    string          `json:"sha256"`
		Level     Level           `json:"level"`
		Plugin    plugin          `json:"plugin"`
		Counts    map[Verdict]int `json:"counts"`
		Results   []result        `json:"results"`
		Leftovers []string        `json:"leftovers,omitempty"`
	}{
		Format: 1, Binary: r.Binary, SHA256: r.SHA256, Level: r.Level(),
		Plugin: plugin{
			Name: r.Plugin.Name, Version: r.Plugin.Version, Commit: r.Plugin.Commit,
			Contract:      fmt.Sprintf("%d.%d", r.Plugin.Major, r.Plugin.Minor),
			Capabilities:  append(facade.Capabilities{}, r.Plugin.Capabilities...),
			MaxValueBytes: r.Plugin.Limits.MaxValueBytes, MaxRefBytes: r.Plugin.Limits.MaxRefBytes,
		},
		Counts:  map[Verdict]int{Pass: r.Count(Pass), Fail: r.Count(Fail), Skip: r.Count(Skip)},
		Results: []result{}, Leftovers: r.Leftovers,
	}
	for _, x := range r.Results {
		out.Results = append(out.Results, result{x.Case, x.Level, x.Verdict, x.Why, x.Unmet, x.Spec, x.Duration.Milliseconds()})
	}
	return json.Marshal(out)
}
