package stores

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Fingerprint is a keyed digest of a value. It is good within this process only, which
// alone has the key, and must not be written anywhere.
type Fingerprint struct{ sum [sha256.Size]byte }

// Format keeps a fingerprint from being printed by accident, with any verb.
func (Fingerprint) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[fingerprint]") }

// Fingerprints makes fingerprints with a key that dies with the process, so that a
// value that was wiped can still be compared.
type Fingerprints struct{ key []byte }

// NewFingerprints makes the key.
func NewFingerprints() *Fingerprints {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &Fingerprints{key}
}

// Of returns the fingerprint of a value, which it does not keep.
func (f *Fingerprints) Of(v secret.Value) Fingerprint {
	mac := hmac.New(sha256.New, f.key)
	mac.Write(v.Reveal())
	var out Fingerprint
	mac.Sum(out.sum[:0])
	return out
}

// Equal compares in constant time.
func (f Fingerprint) Equal(other Fingerprint) bool { return hmac.Equal(f.sum[:], other.sum[:]) }
