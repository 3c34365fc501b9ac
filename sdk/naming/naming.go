// Package naming maps a secret reference to the name it has in a store.
//
// Every provider and every tool uses exactly this mapping, so that a secret
// written by one of them is found by all others. It never changes: a different
// mapping would orphan every stored secret.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
)

const (
	// Prefix begins every name. It satisfies stores whose names must start
	// with a letter.
	Prefix = "im-"
	// Length is the number of characters of every name.
	Length = len(Prefix) + hashDigits

	hashDigits = 32
)

// Name returns the stable store name of ref: [Prefix] and the first 32
// lowercase hexadecimal digits of the SHA-256 of ref's bytes, as given. There is
// no trimming, no case folding and no Unicode normalisation, so refs that differ
// in a single byte are different secrets. The mapping cannot be reversed.
//
// The result has [Length] characters of [a-z0-9-], which the names of Azure Key
// Vault secrets (1 to 127 of [0-9a-zA-Z-]) and of file systems allow.
//
// Name accepts any string, also an empty one; whether a ref is acceptable is for
// [github.com/identitymesh/identitymesh/sdk/secret.ParseRef] to say.
func Name(ref string) string {
	sum := sha256.Sum256([]byte(ref))
	return Prefix + hex.EncodeToString(sum[:])[:hashDigits]
}

// Mapped reports whether name has the form of the names that [Name] makes.
func Mapped(name string) bool {
	if len(name) != Length || name[:len(Prefix)] != Prefix {
		return false
	}
	for i := len(Prefix); i < Length; i++ {
		if c := name[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Matches reports whether name is [Name] of ref. For refs of ordinary length it
// allocates nothing, so that it can stand on the way of every secret that is read.
func Matches(name, ref string) bool {
	if !Mapped(name) {
		return false
	}
	const digits = "0123456789abcdef"
	var room [512]byte
	sum := sha256.Sum256(append(room[:0], ref...))
	for i, b := range sum[:hashDigits/2] {
		at := len(Prefix) + 2*i
		if name[at] != digits[b>>4] || name[at+1] != digits[b&15] {
			return false
		}
	}
	return true
}
