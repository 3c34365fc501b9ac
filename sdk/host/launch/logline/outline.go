package logline

import (
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Outline returns what may be kept and shown elsewhere of a line that [Reader.Last]
// returned. Of a structured one that is its level, its message and its error: the
// texts that its writer made for people. Fields may hold anything, and so may a
// line without a structure; of those only the size is told. The log of the host has
// them.
func Outline(line string) string {
	r, err := parse(line)
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no structured log line; the log of the host has them)", len(line))
	}
	text := r.level.String() + " " + cut(r.message)
	for _, a := range r.attrs {
		if a.Key == telemetry.KeyError {
			text += ": " + a.Value.String()
		}
	}
	return text
}
