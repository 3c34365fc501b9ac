package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// filter tells whether an entry matches. An attribute that an entry does not have
// matches nothing.
type filter func(entry) bool

var errFilter = errors.New("the filter is malformed")

// compile reads the filter of a search request (RFC 4511, 4.5.1.7).
func compile(p *ber.Packet) (filter, error) {
	if p.ClassType != ber.ClassContext {
		return nil, errFilter
	}
	switch p.Tag {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		return compileSet(p)
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch:
		return compileAssertion(p, strings.EqualFold)
	case ldap.FilterGreaterOrEqual:
		return compileAssertion(p, func(has, asked string) bool { return order(has, asked) >= 0 })
	case ldap.FilterLessOrEqual:
		return compileAssertion(p, func(has, asked string) bool { return order(has, asked) <= 0 })
	case ldap.FilterPresent:
		name := p.Data.String()
		return func(e entry) bool { return len(e.get(name)) > 0 }, nil
	case ldap.FilterSubstrings:
		return compileSubstrings(p)
	}
	return nil, fmt.Errorf("the demo directory knows no filter of kind %d", p.Tag)
}

func compileSet(p *ber.Packet) (filter, error) {
	var parts []filter
	for _, child := range p.Children {
		part, err := compile(child)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	matches := func(e entry) func(filter) bool { return func(f filter) bool { return f(e) } }
	switch p.Tag {
	case ldap.FilterNot:
		if len(parts) != 1 {
			return nil, errFilter
		}
		return func(e entry) bool { return !parts[0](e) }, nil
	case ldap.FilterOr:
		return func(e entry) bool { return slices.ContainsFunc(parts, matches(e)) }, nil
	}
	return func(e entry) bool {
		return !slices.ContainsFunc(parts, func(f filter) bool { return !f(e) })
	}, nil
}

func compileAssertion(p *ber.Packet, holds func(has, asked string) bool) (filter, error) {
	if len(p.Children) != 2 {
		return nil, errFilter
	}
	name, asked := p.Children[0].Data.String(), p.Children[1].Data.String()
	return func(e entry) bool {
		return slices.ContainsFunc(e.get(name), func(has string) bool { return holds(has, asked) })
	}, nil
}

func compileSubstrings(p *ber.Packet) (filter, error) {
	if len(p.Children) != 2 || len(p.Children[1].Children) == 0 {
		return nil, errFilter
	}
	name, parts := p.Children[0].Data.String(), p.Children[1].Children
	return func(e entry) bool {
		return slices.ContainsFunc(e.get(name), func(has string) bool { return contains(strings.ToLower(has), parts) })
	}, nil
}

// contains reports whether the parts of a substring filter follow one another.
func contains(rest string, parts []*ber.Packet) bool {
	for _, p := range parts {
		part := strings.ToLower(p.Data.String())
		found := false
		switch p.Tag {
		case ldap.FilterSubstringsInitial:
			rest, found = strings.CutPrefix(rest, part)
		case ldap.FilterSubstringsFinal:
			rest, found = strings.CutSuffix(rest, part)
		default:
			_, rest, found = strings.Cut(rest, part)
		}
		if !found {
			return false
		}
	}
	return true
}

// order compares numbers by value and everything else, times included, as text.
func order(a, b string) int {
	if digits(a) && digits(b) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return len(a) - len(b)
		}
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
