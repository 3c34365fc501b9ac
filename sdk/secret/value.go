package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// MaxValueBytes is the largest value the contract carries. A store may take less;
// see the limits that its provider reports.
const MaxValueBytes = 1 << 20

// redacted is all that any printed form of a value says. It tells neither the
// length nor whether there is a value.
const redacted = "[secret]"

// Value is the content of a secret: any bytes, also none. Every printed form of
// it (fmt with any verb, JSON, text, slog) is a fixed text, so that a value in
// a struct or an error cannot leak by accident. The only way to the bytes is
// [Value.Reveal].
//
// Copies of a Value share the same bytes: wiping one wipes all. A Value is safe
// for concurrent use as long as nobody wipes it.
type Value struct {
	// A pointer, so that copies share the bytes and a Value can be compared.
	box *box
}

// box holds the bytes in a closure. fmt calls no methods on unexported fields and
// follows a pointer there when the verb does not suit it (%s, %q), and other
// printers follow every pointer; none can look into a function, so all that they
// show is an address.
type box struct{ open func() *[]byte }

// NewValue takes ownership of bytes: the caller must neither change nor keep
// them.
func NewValue(bytes []byte) Value {
	return Value{&box{func() *[]byte { return &bytes }}}
}

// Reveal returns the bytes themselves, not a copy. The caller must not change
// or keep them, and must not put them where they could be printed or stored.
func (v Value) Reveal() []byte {
	if v.box == nil {
		return nil
	}
	return *v.box.open()
}

// IsZero reports whether v was never given a value. A value of no bytes is not
// zero.
func (v Value) IsZero() bool { return v.box == nil }

// Wipe overwrites the bytes with zeros and forgets them. It is best effort: the
// runtime, the kernel or a library may hold copies of their own.
func (v Value) Wipe() {
	if v.box == nil {
		return
	}
	bytes := v.box.open()
	clear(*bytes)
	*bytes = nil
}

// Clone returns a value with a copy of the bytes, to be wiped on its own.
func (v Value) Clone() Value {
	if v.box == nil {
		return Value{}
	}
	return NewValue(append([]byte{}, v.Reveal()...))
}

func (v Value) String() string               { return redacted }
func (v Value) GoString() string             { return redacted }
func (v Value) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, redacted) }
func (v Value) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

var (
	_ fmt.Formatter  = Value{}
	_ fmt.GoStringer = Value{}
	_ slog.LogValuer = Value{}
	_ json.Marshaler = Value{}
)
