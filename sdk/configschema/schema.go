// Package configschema describes a JSON object of configuration once, and reads,
// checks, documents and publishes it by that description: what a connector or a
// secret provider declares is what it takes, what its page says, and what a form
// asks for.
//
// A [Schema] is a plain value. [Schema.Read] reads a document that a program or
// a person wrote as a whole, [Schema.ReadSettings] an object out of the settings
// files and environment variables. Both return every problem at once and quote no
// value, because even a misplaced one may be a password. What depends on several
// keys at once beyond the rules here is left to the caller, which adds to the
// same list of problems.
//
// Keys are matched without regard to case, as package appsettings does. Start
// reading at [Schema] and [Field].
package configschema

import "github.com/identitymesh/identitymesh/sdk/diag"

// Schema describes a JSON object. The zero Schema declares nothing. A Schema is
// not changed after it was made and may then be used concurrently.
type Schema struct {
	// Fields in the order in which people should meet them, at most
	// contract.MaxConfigFields with those of nested objects.
	Fields []Field
	// ExactlyOne are groups of keys, of each of which exactly one has to be given.
	ExactlyOne [][]string
}

// Declared reports whether there is a schema at all.
func (s Schema) Declared() bool { return len(s.Fields) > 0 }

// Field is one key of an object.
type Field struct {
	// Key as the documentation spells it: a letter, then letters, digits, '_', '-'
	// and '.', at most contract.MaxConfigKeyBytes.
	Key  string
	Type Type
	// About says in a sentence or two what the key is for: plain text in which
	// `names` may stand between backticks. The allowed values, range and relations
	// are added to it wherever it is shown.
	About    string
	Required bool
	// Default is what counts when the key is absent, as a person would write it:
	// "1000", "true", "30s". Empty when there is none, or none that is always the
	// same.
	Default string
	// Example of a value, for documentation and messages.
	Example string
	// Values are all that an [Enum] takes, matched without regard to case.
	Values []string
	// Synonyms are further texts that an [Enum] takes, each for one of Values. They
	// are not documented and never leave the process.
	Synonyms map[string]string
	// Min and Max bound an [Integer] or a [Duration] on both sides, written as its
	// values are; empty for no bounds.
	Min, Max string
	// Formerly are older names of the key, taken with a warning.
	Formerly []string
	// RequiredWith is a key of the same object; this one is required when that one
	// is given.
	RequiredWith string
	// OnlyWith is a key of the same object; this one is an error when that one is
	// absent.
	OnlyWith string
	// Fields of an [Object].
	Fields []Field
	// Check, when not nil, looks at a value of type [Text], and at each item of a
	// [List], and adds what is wrong with it, with an empty path. It never leaves
	// the process and must not quote a value that could be secret.
	Check func(text string, problems *diag.List)
}

// Type says what a value is and how it is written. The numbers are those of the
// contract's ConfigField.Type.
type Type int

const (
	// Text is a JSON string, without the blanks around it. A blank one is an error
	// in a document, and counts as absent in settings.
	Text Type = iota + 1
	// Sensitive is a text that may hold a credential: it is kept as it is, never
	// shown, and has neither default nor example.
	Sensitive
	// Bool is true or false.
	Bool
	// Integer is a whole number of 64 bits.
	Integer
	// Duration is a text such as "90s", "5m" or "00:05:00"; in settings also a
	// number of seconds.
	Duration
	// DurationOrCount is a duration or a whole number, whichever another key asks
	// for.
	DurationOrCount
	// Enum is one of a few texts.
	Enum
	// List is an array of texts; in settings also one text with ';' between them.
	List
	// Object is a nested object with fields of its own.
	Object
	// Ref is a reference to a secret as secret.ParseConfigRef takes it.
	Ref
)

// String returns the type's name in the contract, as in "DURATION".
func (t Type) String() string {
	names := []string{"TEXT", "SENSITIVE", "BOOL", "INTEGER", "DURATION", "DURATION_OR_COUNT", "ENUM", "LIST", "OBJECT", "REF"}
	if !t.known() {
		return "UNSPECIFIED"
	}
	return names[t-1]
}

func (t Type) known() bool { return t >= Text && t <= Ref }
