package logline

import (
	"regexp"
	"strings"
)

const (
	panicStart = "panic: "
	withheld   = "(text withheld)"
)

// stackStart is the head of a goroutine's stack, which follows the text of a
// panic and quotes no text itself.
var stackStart = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)

// runtimePanics are the texts of Go's own runtime that say something by
// themselves. What follows them, as an index or a type, is withheld with the rest.
var runtimePanics = []string{
	"runtime error: invalid memory address or nil pointer dereference",
	"runtime error: index out of range",
	"runtime error: slice bounds out of range",
	"runtime error: integer divide by zero",
	"runtime error: makeslice: len out of range",
	"runtime error: makeslice: cap out of range",
	"runtime error: hash of unhashable type",
	"runtime error: comparing uncomparable type",
	"runtime error: cannot convert slice",
	"interface conversion",
	"assignment to entry in nil map",
	"close of closed channel",
	"close of nil channel",
	"send on closed channel",
	"sync: negative WaitGroup counter",
}

// panicFilter withholds what a Go program prints of a panic's value, which could
// be anything the program holds, a secret among it: all lines from the first
// "panic: " to the first stack. What the runtime itself dies of begins with "fatal
// error: " and is a constant, so it passes.
type panicFilter struct{ within bool }

// show returns what of an unstructured line may be shown, if anything.
func (f *panicFilter) show(line string) (string, bool) {
	switch {
	case strings.HasPrefix(line, panicStart):
		f.within = true
		for _, text := range runtimePanics {
			if strings.HasPrefix(line[len(panicStart):], text) {
				return panicStart + text, true
			}
		}
		return panicStart + withheld, true
	case f.within && stackStart.MatchString(line):
		f.within = false
	case f.within:
		return "", false
	}
	return line, true
}
