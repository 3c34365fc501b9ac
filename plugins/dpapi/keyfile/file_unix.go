//go:build unix

package keyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// maxSize is far more than a keyset of many keys needs.
const maxSize = 1 << 20

// The formats of the file. A program that knows only the first refuses a wrapped
// file by its number.
const (
	formatClear   = 1
	formatWrapped = 2
)

// content is the file. Key and host id are one file, because one without the
// other would be of no use, and one file is replaced atomically.
type content struct {
	Format int    `json:"format"`
	HostID string `json:"hostId"`
	// Rotating is true while rows of keys that are not the primary one may wait to
	// be sealed again.
	Rotating bool `json:"rotating,omitempty"`
	// WrappedBy is the kind of the source whose key encrypts Keyset, Record what it
	// needs to make that key again.
	WrappedBy string `json:"wrappedBy,omitempty"`
	Record    []byte `json:"record,omitempty"`
	// Keyset in Tink's JSON form, in the clear or encrypted.
	Keyset json.RawMessage `json:"keyset"`
}

// Keys are the content of a key file. It is not changed after it was read.
type Keys struct {
	HostID string
	// Rotating: a new primary key was made, and what older keys sealed may not have
	// been sealed again everywhere.
	Rotating bool
	// WrappedBy is the kind of source that wraps the file, empty for none.
	WrappedBy string

	handle *keyset.Handle
	info   fs.FileInfo
}

// Cipher seals with the primary key and opens with every key.
func (k *Keys) Cipher() (Cipher, error) { return aead.New(k.handle) }

// Cipher is authenticated encryption.
type Cipher interface {
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// Primary is the id of the key that seals.
func (k *Keys) Primary() string { return text(k.handle.KeysetInfo().GetPrimaryKeyId()) }

// IDs are those of all keys, the primary one among them, in the order they were
// made.
func (k *Keys) IDs() []string {
	var ids []string
	for _, key := range k.handle.KeysetInfo().GetKeyInfo() {
		ids = append(ids, text(key.GetKeyId()))
	}
	return ids
}

func text(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

// Changed reports whether the file is another one than k was read from.
func (f Folder) Changed(k *Keys) (bool, error) {
	info, err := os.Stat(f.Path())
	if err != nil {
		return false, &Error{Path: f.Path(), Problem: "is gone; restore it from a backup, or restart to begin with a new one", Err: err}
	}
	return !os.SameFile(info, k.info) || !info.ModTime().Equal(k.info.ModTime()) || info.Size() != k.info.Size(), nil
}

// read returns the keys of the file. A missing file is fs.ErrNotExist.
func (f Folder) read() (*Keys, error) {
	raw, info, err := readPrivate(f.Path())
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	broken := func(what string) error {
		// The underlying text is left out: it could repeat a part of the key.
		return &Error{Path: f.Path(), Problem: what + "; restore it from a backup", Damaged: true}
	}
	var c content
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, broken("is not a key file")
	}
	defer clear(c.Keyset)
	wrapped := c.Format == formatWrapped && c.WrappedBy != ""
	if c.HostID == "" || !wrapped && c.Format != formatClear {
		return nil, broken(fmt.Sprintf("has the unknown format %d or no host id", c.Format))
	}
	k := &Keys{HostID: c.HostID, Rotating: c.Rotating, WrappedBy: c.WrappedBy, info: info}
	if !wrapped {
		k.handle, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(c.Keyset)))
	} else {
		var key cipherKey
		if key, err = f.recover(c); err != nil {
			return nil, err
		}
		if k.handle, err = keyset.ReadWithAssociatedData(keyset.NewJSONReader(bytes.NewReader(c.Keyset)), key, []byte(c.HostID)); err != nil {
			return nil, &Error{Path: f.Path(), Problem: "does not open with this " + c.WrappedBy +
				": it is another one than the file was wrapped with, or the file is damaged; restore the one or the other", Damaged: true, Wrapping: true}
		}
	}
	if err != nil {
		return nil, broken("holds no usable keyset")
	}
	if _, err := k.Cipher(); err != nil {
		return nil, broken("holds keys of another purpose")
	}
	return k, nil
}

type cipherKey = *subtle.AESGCM

// recover asks the source for the key that wraps the file.
func (f Folder) recover(c content) (cipherKey, error) {
	if f.Source == nil || f.Source.Kind() != c.WrappedBy {
		return nil, &Error{Path: f.Path(), Problem: "was wrapped by " + strconv.Quote(c.WrappedBy) + "; configure that source", Wrapping: true}
	}
	key, err := f.Source.Recover(c.Record)
	if err != nil {
		return nil, &Error{Path: f.Path(), Problem: "cannot be unwrapped", Wrapping: true, Err: err}
	}
	defer clear(key)
	return subtle.NewAESGCM(key)
}

// marshal returns the file's content. The caller wipes it.
func (f Folder) marshal(k *Keys) ([]byte, error) {
	c := content{Format: formatClear, HostID: k.HostID, Rotating: k.Rotating}
	var out bytes.Buffer
	defer func() { clear(out.Bytes()) }()
	if f.Source == nil {
		if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&out)); err != nil {
			return nil, err
		}
	} else {
		key, record, err := f.Source.New()
		if err != nil {
			return nil, err
		}
		defer clear(key)
		wrap, err := subtle.NewAESGCM(key)
		if err != nil {
			return nil, err
		}
		if err := k.handle.WriteWithAssociatedData(keyset.NewJSONWriter(&out), wrap, []byte(k.HostID)); err != nil {
			return nil, err
		}
		c.Format, c.WrappedBy, c.Record = formatWrapped, f.Source.Kind(), record
	}
	c.Keyset = out.Bytes()
	return json.Marshal(c)
}
