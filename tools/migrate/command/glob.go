package command

import (
	"regexp"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// globs returns what reports whether a ref is like one of the patterns, in which a star
// stands for any text, with slashes too, and a question mark for one character. Behind a
// backslash, each stands for itself.
func globs(patterns []string) func(secret.Ref) bool {
	var all []*regexp.Regexp
	for _, pattern := range patterns {
		var form strings.Builder
		escaped := false
		for _, r := range pattern {
			switch {
			case escaped:
				form.WriteString(regexp.QuoteMeta(string(r)))
				escaped = false
			case r == '\\':
				escaped = true
			case r == '*':
				form.WriteString(".*")
			case r == '?':
				form.WriteString(".")
			default:
				form.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		if escaped { // at the end there is nothing to stand for itself
			form.WriteString(`\\`)
		}
		all = append(all, regexp.MustCompile(`\A(?s:`+form.String()+`)\z`))
	}
	return func(ref secret.Ref) bool {
		for _, one := range all {
			if one.MatchString(string(ref)) {
				return true
			}
		}
		return false
	}
}
