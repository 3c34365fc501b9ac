package command

import (
	"regexp"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// globs returns what reports whether a ref is like one of the patterns, in which a star
// stands for any text, with slashes too, and a question mark for one character.
func globs(patterns []string) func(secret.Ref) bool {
	var all []*regexp.Regexp
	for _, pattern := range patterns {
		form := regexp.QuoteMeta(pattern)
		form = strings.ReplaceAll(strings.ReplaceAll(form, `\*`, `.*`), `\?`, `.`)
		all = append(all, regexp.MustCompile(`\A(?s:`+form+`)\z`))
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
