package secret

import "time"

// Version identifies one state of a secret in its store. Its text is the
// store's own; compare versions for equality only. The zero Version stands for
// the current one.
type Version string

// Current asks for the newest state of a secret.
const Current Version = ""

// Metadata is everything about a secret that may be shown: it has no field that
// could hold a value. Zero times mean that the store does not know them.
type Metadata struct {
	// Ref is empty in a listing when the store knows only the mapped name.
	Ref Ref
	// Name is the name in the store, as [naming.Name] makes it. Rows that
	// another product wrote may have another.
	Name string
	// Version of this state. Never empty.
	Version Version
	Created time.Time
	Updated time.Time
	// Expires and NotBefore inform; whether a store refuses to serve a value
	// outside of them is the store's decision.
	Expires   time.Time
	NotBefore time.Time
	// Disabled is true when the store would refuse to serve the value.
	Disabled bool
	// Tags are the store's labels, without those the provider itself needs.
	Tags map[string]string
}

// Secret is one state of a secret with its value. The receiver wipes Value when
// it is done.
type Secret struct {
	Metadata Metadata
	Value    Value
}

// Page is a part of a listing.
type Page struct {
	Items []Metadata
	// Next asks for the following page; empty on the last one.
	Next string
	// Complete is true on the last page of a listing that is known to hold
	// every secret the store has. Without it, absence from the listing proves
	// nothing.
	Complete bool
}
