package store

import (
	"strings"
	"unicode/utf8"
)

// Limits on texts, in bytes of UTF-8, so that they fit the columns.
const (
	MaxNameBytes  = 200
	maxErrorBytes = 8 << 10
	maxLogBytes   = 2 << 10
	maxLabelBytes = 300
)

// key returns the form of a name that is compared.
func key(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// clip makes text valid UTF-8 of at most limit bytes.
func clip(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	cut := limit - len(mark)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
