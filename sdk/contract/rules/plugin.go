package rules

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// Statement is what a plugin says of itself.
type Statement struct {
	Name, Version, Commit string
	// Capabilities by the names of the specification, as in LIST_COMPLETE.
	Capabilities []string
	Limits       provider.Limits
}

var (
	pluginName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	semver     = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
)

// partOf says which capability is of no use without which other.
var partOf = map[string]string{
	"LIST_COMPLETE": "LIST", "CONDITIONAL_SET": "WRITE", "EXPIRY": "WRITE", "TAGS": "WRITE",
}

// Info returns the rule that a plugin's words about itself break.
func Info(s Statement) Rule {
	rate := s.Limits.CallsPerSecond
	switch {
	case !pluginName.MatchString(s.Name):
		return InfoName
	case len(s.Version) > contract.MaxInfoBytes || !semver.MatchString(s.Version):
		return InfoVersion
	case len(s.Commit) > contract.MaxInfoBytes || !oneLine(s.Commit):
		return InfoCommit
	case s.Limits.MaxValueBytes > contract.MaxValueBytes, s.Limits.MaxRefBytes > contract.MaxRefBytes,
		!(rate >= 0), math.IsInf(rate, 1): // NaN is not even 0 or more
		return InfoLimits
	}
	for i, c := range s.Capabilities {
		whole, part := partOf[c]
		if slices.Contains(s.Capabilities[:i], c) || part && !slices.Contains(s.Capabilities, whole) {
			return InfoCapabilities
		}
	}
	return None
}

// Diagnostics returns the rule that the outcome of a Configure breaks.
func Diagnostics(list diag.List) Rule {
	if len(list) > contract.MaxDiagnostics {
		return DiagnosticsTooMany
	}
	for _, d := range list {
		if d.Summary == "" || len(d.Summary) > contract.MaxSummaryBytes || len(d.Detail) > contract.MaxTextBytes ||
			len(d.Path) > contract.MaxPathBytes || !words(d.Summary) || !words(d.Detail) || !oneLine(d.Path) {
			return DiagnosticMalformed
		}
	}
	return None
}

// longestLatency of a check: more is no measurement.
const longestLatency = time.Hour

// Check returns the rule that a report breaks.
func Check(report provider.CheckReport) Rule {
	if len(report.Results) > contract.MaxCheckResults {
		return ReportTooLong
	}
	if !reportText(report.Target) || !reportText(report.Identity) {
		return ReportMalformed
	}
	for _, r := range report.Results {
		if r.Name == "" || len(r.Name) > contract.MaxInfoBytes || !oneLine(r.Name) || !reportText(r.Message) ||
			r.Latency < 0 || r.Latency > longestLatency {
			return ReportMalformed
		}
	}
	return None
}

func reportText(s string) bool { return len(s) <= contract.MaxTextBytes && words(s) }

// oneLine reports whether s is text without any control character.
func oneLine(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
		case c < ' ' || c == 0x7f:
			return false
		}
	}
	return true
}

// words reports whether s is text for people, which may have several lines.
func words(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}
