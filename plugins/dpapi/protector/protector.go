// Package protector seals values so that only the host that sealed them opens
// them again: by the machine scope of Windows DPAPI, and elsewhere by a host
// key in the data folder.
//
// It knows nothing of secrets' names, rows or databases: the caller passes what
// a value belongs to as associated data and keeps [Identity] beside the result.
// Where the host key is, is package keyfile's concern. Start reading at [Protector],
// then [Host]; the form of a sealed value is in envelope.go.
package protector

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
)

// ErrCorrupt: the sealed bytes are not those that Seal returned.
var ErrCorrupt = errors.New("the stored value is damaged")

// ErrUndecryptable: the sealed bytes are whole, but they were sealed by another
// key or host, or for other associated data.
var ErrUndecryptable = errors.New("the stored value cannot be decrypted here")

// label separates what this product seals from everything else that might be
// sealed on the same host. Changing it makes every sealed value unreadable.
const label = "identitymesh/plugins/dpapi/v1"

// Identity says what sealed a value. It is not secret.
type Identity struct {
	// Kind is [HostKey] or [WindowsDPAPI].
	Kind string
	// KeyID names the key; empty where the operating system keeps the keys.
	KeyID string
	// HostID identifies the host and never changes while its key stays.
	HostID string
	// HostName is for people. It may change without consequence.
	HostName string
}

// The kinds of protector.
const (
	HostKey      = "hostkey"
	WindowsDPAPI = "windows-dpapi"
)

// Config says where this host keeps its key.
type Config struct {
	// Keys is where the key is kept when the operating system has no store for it.
	Keys keyfile.Folder
	// HostName is recorded for people.
	HostName string
}

// Protector seals and opens. [Host] has the one of this host. It is safe for
// concurrent use.
type Protector struct {
	identity Identity
	cipher   cipher
	// legacy opens blobs of the .NET product; nil where that is impossible.
	legacy func(blob []byte) ([]byte, error)
	// knows reports whether a key is at hand; nil where the system keeps them.
	knows func(keyID string) bool
}

// cipher is authenticated encryption, as tink.AEAD and the system calls of DPAPI
// provide it.
type cipher interface {
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// Identity of what seals here.
func (p *Protector) Identity() Identity { return p.identity }

// Knows reports whether the key of that id is one that opens here. On a host whose
// operating system keeps the keys it always may be.
func (p *Protector) Knows(keyID string) bool { return p.knows == nil || p.knows(keyID) }

// Seal encrypts plaintext, which may be empty. The same associatedData is needed
// to open it; it is authenticated, not stored. plaintext is neither kept nor
// changed.
func (p *Protector) Seal(plaintext, associatedData []byte) ([]byte, error) {
	wrapped := wrap(plaintext)
	defer clear(wrapped)
	ciphertext, err := p.cipher.Encrypt(wrapped, bind(associatedData))
	if err != nil {
		return nil, fmt.Errorf("seal by %s: %w", p.identity.Kind, err)
	}
	return enclose(ciphertext), nil
}

// Open returns what was sealed with associatedData. The caller wipes it. Errors
// wrap [ErrCorrupt] or [ErrUndecryptable]; there is never a wrong value.
func (p *Protector) Open(sealed, associatedData []byte) ([]byte, error) {
	ciphertext, err := disclose(sealed)
	if err != nil {
		return nil, err
	}
	wrapped, err := p.cipher.Decrypt(ciphertext, bind(associatedData))
	if err != nil {
		// The native call may hand out bytes together with an error.
		clear(wrapped)
		return nil, fmt.Errorf("%w: %w", ErrUndecryptable, err)
	}
	return unwrap(wrapped)
}

// OpenLegacy opens a bare DPAPI blob of machine scope without entropy, as the
// .NET product wrote it. The caller wipes the result. Errors wrap
// [ErrUndecryptable].
func (p *Protector) OpenLegacy(blob []byte) ([]byte, error) {
	if p.legacy == nil {
		return nil, fmt.Errorf("%w: Windows DPAPI sealed it, and this host is not a Windows host", ErrUndecryptable)
	}
	plaintext, err := p.legacy(blob)
	if err != nil {
		clear(plaintext)
		return nil, fmt.Errorf("%w: %w", ErrUndecryptable, err)
	}
	return plaintext, nil
}

// bind puts lengths before both parts, so that no two inputs give the same
// bytes.
func bind(associatedData []byte) []byte {
	out := make([]byte, 0, 8+len(label)+len(associatedData))
	out = binary.BigEndian.AppendUint32(out, uint32(len(label)))
	out = append(out, label...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(associatedData)))
	return append(out, associatedData...)
}
