// Package identity holds what connectors bring in: objects of a connected
// system with their attributes, in a form that two reads of the same state give
// identically, so that a change can be told by its hash.
//
// It knows neither connectors nor the database. Start reading at [Object].
package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Object is one object of a connected system, such as a person or a group.
type Object struct {
	// Anchor identifies the object within its connector for as long as it
	// lives, also when it is renamed or moved. Never empty.
	Anchor string
	// Type is the object's kind in the connected system, as in "user".
	Type string
	// Attributes are sorted by name after [Object.Normalize].
	Attributes []Attribute
}

// Attribute is a named list of values. Binary values are decoded to text by the
// connector.
type Attribute struct {
	Name   string
	Values []string
}

// Hash tells the states of an object apart.
type Hash [sha256.Size]byte

// Normalize sorts the attributes by name and the values within each, because
// neither has an order in the systems that we read, and drops attributes
// without values.
func (o *Object) Normalize() {
	o.Attributes = slices.DeleteFunc(o.Attributes, func(a Attribute) bool { return len(a.Values) == 0 })
	slices.SortFunc(o.Attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range o.Attributes {
		slices.Sort(a.Values)
	}
}

// Get returns the values of the attribute called name, matched without regard
// to ASCII case.
func (o *Object) Get(name string) []string {
	for _, a := range o.Attributes {
		if strings.EqualFold(a.Name, name) {
			return a.Values
		}
	}
	return nil
}

// Hash returns the hash of a normalized object's type and attributes. Each part
// is preceded by its length, so that no value can imitate another field. The
// scratch buffer is reused when it is large enough and returned for the next
// call.
func (o *Object) Hash(scratch []byte) (Hash, []byte) {
	b := append(scratch[:0], hashFormat)
	b = appendString(b, o.Type)
	for _, a := range o.Attributes {
		b = appendString(b, a.Name)
		b = binary.AppendUvarint(b, uint64(len(a.Values)))
		for _, v := range a.Values {
			b = appendString(b, v)
		}
	}
	return sha256.Sum256(b), b
}

// hashFormat changes when the form below does, so that every object then counts
// as changed once instead of being compared wrongly.
const hashFormat = 1

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
