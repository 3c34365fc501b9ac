// Package gotest reads what "go test -json" prints: it shows the progress, keeps
// the output of what failed, and counts.
//
// It does not start the tests. A package that fails without a failing test, such
// as one that does not build, panics outside of a test or runs out of time,
// counts as one failure. Start reading at [Read].
package gotest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Skip is a test that did not run, and why.
type Skip struct{ Test, Reason string }

// Failure is what failed, and the end of what it said.
type Failure struct{ Test, Output string }

// Report is the outcome of all packages.
type Report struct {
	Passed, Failed int
	Skips          []Skip
	Failures       []Failure
}

// event is one line of the stream; see "go doc test2json" and "go help buildjson".
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// Read reads the stream to its end. It prints a line for each package as it ends,
// the output of what failed, and lines that are not events as they are; trim is
// taken off the front of package paths.
func Read(stream io.Reader, out io.Writer, trim string) (Report, error) {
	r := reader{out: out, trim: trim, packages: map[string]*pack{}, builds: map[string]*tail{}}
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return r.report, fmt.Errorf("read the output of go test: %w", err)
		}
	}
	r.unfinished()
	slices.SortStableFunc(r.report.Skips, func(a, b Skip) int { return strings.Compare(a.Test, b.Test) })
	return r.report, nil
}

type reader struct {
	out      io.Writer
	trim     string
	report   Report
	packages map[string]*pack
	builds   map[string]*tail
}

// pack is a package whose tests are running.
type pack struct {
	output                  tail
	tests                   map[string]*tail
	passed, failed, skipped int
}

func (r *reader) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		_, _ = r.out.Write(line)
		return
	}
	switch e.Action {
	case "build-output":
		// ImportPath is as in "example/p [example/p.test]".
		if r.builds[e.ImportPath] == nil {
			r.builds[e.ImportPath] = &tail{}
		}
		r.builds[e.ImportPath].add(e.Output)
		return
	case "build-fail":
		if text := r.builds[e.ImportPath]; text != nil {
			r.print("BUILD FAILED "+e.ImportPath, text)
			delete(r.builds, e.ImportPath)
		}
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pack{tests: map[string]*tail{}}
		r.packages[e.Package] = p
	}
	if e.Test == "" {
		r.packageEvent(p, e)
		return
	}
	if p.tests[e.Test] == nil {
		p.tests[e.Test] = &tail{}
	}
	r.testEvent(p, e)
}

func (r *reader) testEvent(p *pack, e event) {
	said := p.tests[e.Test]
	name := r.short(e.Package) + " " + e.Test
	switch e.Action {
	case "output":
		said.add(e.Output)
		return
	case "pass":
		r.report.Passed++
		p.passed++
	case "skip":
		r.report.Skips = append(r.report.Skips, Skip{Test: name, Reason: reason(said)})
		p.skipped++
	case "fail":
		r.fail(p, "FAILED", name, "", said)
	default:
		return
	}
	delete(p.tests, e.Test)
}

func (r *reader) packageEvent(p *pack, e event) {
	name := r.short(e.Package)
	switch e.Action {
	case "output":
		p.output.add(e.Output)
		return
	case "pass", "skip", "fail":
	default:
		return
	}
	if e.Action == "fail" {
		for test, said := range p.tests {
			r.fail(p, "DID NOT FINISH", name+" "+test, " (did not finish)", said)
		}
		if p.failed == 0 {
			r.fail(p, "FAILED", name, " (the package itself)", &p.output)
		}
	}
	// A package without tests is skipped; that is nothing to report.
	if p.passed+p.failed+p.skipped > 0 {
		fmt.Fprintf(r.out, "%-4s  %-50s %4d passed, %d failed, %d skipped  %6.1fs\n", e.Action, name, p.passed, p.failed, p.skipped, e.Elapsed)
	}
	delete(r.packages, e.Package)
}

// unfinished counts packages whose end was never reported.
func (r *reader) unfinished() {
	for name, p := range r.packages {
		r.fail(p, "NEVER ENDED", r.short(name), " (never ended)", &p.output)
	}
}

// fail counts name, and prints what it said; how says what became of it.
func (r *reader) fail(p *pack, title, name, how string, said *tail) {
	r.report.Failed++
	p.failed++
	r.report.Failures = append(r.report.Failures, Failure{name + how, said.end()})
	r.print(title+" "+name, said)
}

func (r *reader) short(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, r.trim), "/")
}

func (r *reader) print(title string, said *tail) {
	fmt.Fprintf(r.out, "---- %s\n", title)
	if said.dropped {
		fmt.Fprintln(r.out, "(the beginning of a long output is left out)")
	}
	for _, text := range said.parts {
		fmt.Fprint(r.out, text)
	}
	fmt.Fprintln(r.out, "----")
}

// reason returns what a skipped test said, without the lines of the framework.
func reason(said *tail) string {
	var why []string
	for _, line := range strings.Split(strings.Join(said.parts, ""), "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			why = append(why, line)
		}
	}
	if len(why) == 0 {
		return "no reason given"
	}
	// The first word is the place, as in "a_test.go:35:".
	text := strings.Join(why, " ")
	if place, rest, found := strings.Cut(text, ".go:"); found && !strings.Contains(place, " ") {
		if _, rest, found = strings.Cut(rest, ": "); found {
			return rest
		}
	}
	return text
}

// tail keeps the last part of an output.
type tail struct {
	parts   []string
	size    int
	dropped bool
}

const (
	tailSize = 256 << 10
	// endSize is how much of it is kept for the end of a run.
	endSize = 8 << 10
)

func (t *tail) add(text string) {
	t.parts = append(t.parts, text)
	t.size += len(text)
	for t.size > tailSize && len(t.parts) > 1 {
		t.size -= len(t.parts[0])
		t.parts = t.parts[1:]
		t.dropped = true
	}
}

// end returns whole lines, as many as [endSize] has room for.
func (t *tail) end() string {
	text := strings.Join(t.parts, "")
	if len(text) <= endSize {
		return text
	}
	text = text[len(text)-endSize:]
	_, text, _ = strings.Cut(text, "\n")
	return text
}
