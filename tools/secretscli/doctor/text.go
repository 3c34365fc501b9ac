package doctor

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// Print writes the report for people: a line for each check with its next step
// below, and a verdict. Marks are plain ASCII unless symbols is true.
func (r Report) Print(w io.Writer, symbols bool) error {
	marks := map[Status]string{OK: "[ok]  ", Warn: "[warn]", Fail: "[FAIL]", Skip: "[skip]"}
	if symbols {
		marks = map[Status]string{OK: "✓", Warn: "!", Fail: "✗", Skip: "-"}
	}
	width := 0
	for _, c := range r.Checks {
		width = max(width, utf8.RuneCountInString(outcome.Plain(c.Name)))
	}
	var b strings.Builder
	count := map[Status]int{}
	for _, c := range r.Checks {
		count[c.Status]++
		fmt.Fprintf(&b, "%s %-*s  %s", marks[c.Status], width, outcome.Plain(c.Name), outcome.Plain(c.Message))
		if c.Latency > 0 {
			fmt.Fprintf(&b, " (%s)", rounded(c.Latency))
		}
		b.WriteByte('\n')
		if c.Next != "" {
			fmt.Fprintf(&b, "%*s next: %s\n", utf8.RuneCountInString(marks[c.Status])+1+width+1, "", outcome.Plain(c.Next))
		}
	}
	verdict := "everything works"
	if !r.OK {
		verdict = "something does not work"
	}
	fmt.Fprintf(&b, "%s: %d ok, %d warnings, %d failed, %d skipped\n", verdict, count[OK], count[Warn], count[Fail], count[Skip])
	_, err := io.WriteString(w, b.String())
	return err
}

// rounded leaves three digits, which is all that a single measurement is worth.
func rounded(d time.Duration) time.Duration {
	for unit := time.Nanosecond; ; unit *= 10 {
		if d/1000 < unit {
			return d.Round(unit)
		}
	}
}
