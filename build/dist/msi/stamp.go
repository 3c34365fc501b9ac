package msi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// What the specification [MS-OLEPS] says of the summary of a file.
var summaryFormat = []byte{0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9}

const (
	// formatAt is where the format stands in the stream of the summary.
	formatAt = 28
	// The times in a summary, and their type.
	created, saved = 12, 13
	typeTime       = 0x40
)

var errSummary = errors.New("its summary is not as expected")

// stamp puts the time in place of the present one into the summary of the
// installer, so that the same content gives the same file.
func stamp(file string, t time.Time) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	format := bytes.Index(data, summaryFormat)
	if format < formatAt || bytes.Count(data, summaryFormat) != 1 {
		return fmt.Errorf("set the time of %s: %w", file, errSummary)
	}
	stamped := 0
	number := func(at int) int {
		if at < 0 || at+12 > len(data) {
			return -1
		}
		return int(binary.LittleEndian.Uint32(data[at:]))
	}
	section := format - formatAt + number(format+len(summaryFormat))
	for i := range max(0, min(number(section+4), 64)) {
		entry := section + 8 + 8*i
		if which := number(entry); which != created && which != saved {
			continue
		}
		value := section + number(entry+4)
		if number(value) != typeTime {
			return fmt.Errorf("set the time of %s: %w", file, errSummary)
		}
		// A hundred nanoseconds each, since 1601.
		binary.LittleEndian.PutUint64(data[value+4:], uint64(t.Unix()+11_644_473_600)*10_000_000)
		stamped++
	}
	if stamped != 2 {
		return fmt.Errorf("set the time of %s: %w", file, errSummary)
	}
	return os.WriteFile(file, data, 0o644)
}
