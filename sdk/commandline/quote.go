package commandline

import (
	"runtime"
	"strings"
)

// Quote is an argument as it is typed into the shell of this system: sh, or on Windows
// PowerShell and, where the argument lets it, cmd. What a store calls its secrets can be
// anything, and people copy what they are told to type.
func Quote(text string) string { return quote(text, runtime.GOOS == "windows") }

func quote(text string, windows bool) string {
	plain := `/:._-+=@,`
	if windows {
		plain += `\` // of paths
	}
	special := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(plain, r)
	}
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	switch {
	case !windows:
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	case !strings.ContainsAny(text, "\"$`%"):
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
