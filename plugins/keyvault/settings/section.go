package settings

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// section is the JSON object by the documented spelling of its keys. What is
// unset, null or blank counts as absent, as an empty environment variable does.
type section struct {
	values   map[string]json.RawMessage
	unknown  []string
	problems *diag.List
	// failed holds the keys that already have an error.
	failed map[string]bool
}

func readSection(config []byte, problems *diag.List) *section {
	s := &section{values: map[string]json.RawMessage{}, problems: problems, failed: map[string]bool{}}
	var raw map[string]json.RawMessage
	if len(config) > 0 {
		// The decoder's own text may quote the input, so it is not repeated.
		if err := json.Unmarshal(config, &raw); err != nil {
			problems.Errorf("", "expected a JSON object with the settings of the vault")
		}
	}
	known := knownKeys()
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		spelled, ok := known[strings.ToLower(key)]
		switch {
		case !ok:
			s.unknown = append(s.unknown, key)
		case s.values[spelled] != nil:
			s.fail(spelled, "is given more than once, in different upper and lower case")
		default:
			s.values[spelled] = raw[key]
		}
	}
	return s
}

func (s *section) warnUnknown() {
	for _, key := range s.unknown {
		s.problems.Warnf(key, "is not a setting of the Key Vault provider and is ignored; the settings are %s", spelledKeys())
	}
}

func (s *section) fail(key, summary string) {
	if !s.failed[key] {
		s.problems.Errorf(key, "%s", summary)
	}
	s.failed[key] = true
}

// text returns the trimmed text of a string.
func (s *section) text(key string) string {
	raw := s.values[key]
	if raw == nil || string(raw) == "null" {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		s.fail(key, "expected a text")
	}
	return strings.TrimSpace(text)
}

// scalar returns the text of a string, a number or a boolean.
func (s *section) scalar(key, expected string) string {
	raw := s.values[key]
	if raw == nil || string(raw) == "null" {
		return ""
	}
	if raw[0] == '{' || raw[0] == '[' {
		s.fail(key, expected)
		return ""
	}
	if raw[0] == '"' {
		return s.text(key)
	}
	return string(raw)
}

func (s *section) flag(key string) bool {
	const expected = "expected true or false"
	text := s.scalar(key, expected)
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		s.fail(key, expected)
	}
	return value
}

// duration reads seconds, a Go duration or hours:minutes:seconds, which is how
// .NET writes one.
func (s *section) duration(key string, unset time.Duration) time.Duration {
	const expected = "expected a time such as 30, 30s or 00:00:30"
	text := s.scalar(key, expected)
	if text == "" {
		return unset
	}
	if parts := strings.Split(text, ":"); len(parts) == 3 {
		text = parts[0] + "h" + parts[1] + "m" + parts[2] + "s"
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		s.fail(key, expected)
		return unset
	}
	return value
}

// list reads an array of texts, one text with ';' between the items, or the
// object with numbers for keys that environment variables make of an array.
func (s *section) list(key string) []string {
	raw := s.values[key]
	if raw == nil || string(raw) == "null" {
		return nil
	}
	var items []string
	var numbered map[string]string
	var text string
	switch {
	case json.Unmarshal(raw, &items) == nil:
	case json.Unmarshal(raw, &text) == nil:
		items = strings.Split(text, ";")
	case json.Unmarshal(raw, &numbered) == nil:
		for _, index := range slices.Sorted(maps.Keys(numbered)) {
			if _, err := strconv.ParseUint(index, 10, 16); err != nil {
				s.fail(key, "expected an array of texts, or one text with ; between the items")
			}
			items = append(items, numbered[index])
		}
	default:
		s.fail(key, "expected an array of texts, or one text with ; between the items")
	}
	var out []string
	for _, item := range items {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
