package conformance

import (
	"fmt"
	"strings"
)

// Level is how much of the contract a plugin was seen to keep. Each level
// includes those before it.
type Level int

const (
	// None: it breaks a rule that every plugin has to keep, or nothing could be
	// read from it. As the level of a case: the rule is advice (a SHOULD of the
	// specification), and breaking it costs no level.
	None Level = iota
	// Core: values are read and described as the contract says, and the process
	// starts, answers and leaves as it should.
	Core
	// Writer: values are also written and removed as the contract says.
	Writer
	// Versioned: earlier versions are kept and served as well.
	Versioned
)

var levelNames = [...]string{None: "none", Core: "core", Writer: "writer", Versioned: "versioned"}

// String returns the level's name in reports.
func (l Level) String() string {
	if l < None || int(l) >= len(levelNames) {
		return levelNames[None]
	}
	return levelNames[l]
}

// MarshalText returns the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// ParseLevel reads a level's name, in any case.
func ParseLevel(text string) (Level, error) {
	for l, name := range levelNames {
		if strings.EqualFold(name, text) {
			return Level(l), nil
		}
	}
	return None, fmt.Errorf("level %q is none of %s", text, strings.Join(levelNames[:], ", "))
}
