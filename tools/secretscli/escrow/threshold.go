package escrow

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"

	"filippo.io/age"
	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"
	"golang.org/x/crypto/chacha20poly1305"
)

// Names of our stanzas in the header of an age file.
const (
	stanzaKey   = "identitymesh-threshold"
	stanzaShare = "identitymesh-share"
)

// shamir is the group whose scalars are shared. Its arithmetic takes the same time
// for every secret.
var shamir = group.Ristretto255

// shareBytes is the length of a share: its number and its value.
const shareBytes = 64

// MaxHolders of a bundle keeps its header small.
const MaxHolders = 64

// threshold is a recipient of age that stands for people of whom need must come
// together. The key of the file is wrapped by a key that is derived from a random
// scalar; Shamir shares of the scalar are encrypted to one person each.
type threshold struct {
	need    int
	holders []age.Recipient
}

// Wrap implements [age.Recipient].
func (t threshold) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	scalar := shamir.RandomNonZeroScalar(rand.Reader)
	aead, err := wrapping(scalar)
	if err != nil {
		return nil, err
	}
	// The key wraps this one text, so its nonce need not differ from another.
	stanzas := []*age.Stanza{{
		Type: stanzaKey, Args: []string{strconv.Itoa(t.need), strconv.Itoa(len(t.holders))},
		Body: aead.Seal(nil, make([]byte, aead.NonceSize()), fileKey, nil),
	}}
	shares := secretsharing.New(rand.Reader, uint(t.need-1), scalar).Share(uint(len(t.holders)))
	for i, holder := range t.holders {
		text, err := marshal(shares[i])
		if err != nil {
			return nil, err
		}
		body, err := seal(text, holder)
		clear(text)
		if err != nil {
			return nil, fmt.Errorf("encrypt the share of recipient %d: %w", i+1, err)
		}
		stanzas = append(stanzas, &age.Stanza{Type: stanzaShare, Args: []string{strconv.Itoa(i + 1)}, Body: body})
	}
	return stanzas, nil
}

// NotEnoughError says that more people are needed to open a bundle.
type NotEnoughError struct{ Have, Need, Holders int }

func (e *NotEnoughError) Error() string {
	return fmt.Sprintf("the bundle is opened by %d of its %d recipients together, and the given keys and shares are those of %d", e.Need, e.Holders, e.Have)
}

// keys open a bundle: the identities of people, and shares that others took out
// of it.
type keys struct {
	identities []age.Identity
	shares     [][]byte
}

// Unwrap implements [age.Identity]. Too few keys are a [*NotEnoughError].
func (k keys) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	var wrapped *age.Stanza
	found := map[string][]byte{}
	for _, s := range stanzas {
		switch s.Type {
		case stanzaKey:
			wrapped = s
		case stanzaShare:
			if text, ok := k.open(s.Body); ok {
				found[string(text[:shareBytes/2])] = text
			}
		}
	}
	if wrapped == nil || len(wrapped.Args) != 2 {
		return nil, age.ErrIncorrectIdentity
	}
	need, err := strconv.Atoi(wrapped.Args[0])
	if err != nil || need < 1 || need > MaxHolders {
		return nil, &FormatError{"it does not say how many people it needs"}
	}
	holders, _ := strconv.Atoi(wrapped.Args[1]) // for the message only
	for _, text := range k.shares {
		found[string(text[:shareBytes/2])] = text
	}
	if len(found) < need {
		return nil, &NotEnoughError{len(found), need, holders}
	}
	return recoverKey(need, found, wrapped.Body)
}

func (k keys) open(body []byte) ([]byte, bool) {
	for _, identity := range k.identities {
		r, err := age.Decrypt(bytes.NewReader(body), identity)
		if err != nil {
			continue
		}
		if text, err := io.ReadAll(io.LimitReader(r, shareBytes+1)); err == nil && len(text) == shareBytes {
			return text, true
		}
	}
	return nil, false
}

func recoverKey(need int, found map[string][]byte, wrapped []byte) ([]byte, error) {
	var shares []secretsharing.Share
	for _, text := range found {
		share, err := unmarshal(text)
		if err != nil {
			return nil, err
		}
		shares = append(shares, share)
	}
	scalar, err := secretsharing.Recover(uint(need-1), shares)
	if err != nil {
		return nil, fmt.Errorf("join the shares: %w", err)
	}
	aead, err := wrapping(scalar)
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, make([]byte, aead.NonceSize()), wrapped, nil)
	if err != nil {
		return nil, errors.New("the shares do not fit together: one of them is of another bundle, or was changed")
	}
	return key, nil
}

// wrapping derives the key that wraps the file's.
func wrapping(scalar group.Scalar) (cipher.AEAD, error) {
	text, err := scalar.MarshalBinary()
	if err != nil {
		return nil, err
	}
	defer clear(text)
	key, err := hkdf.Key(sha256.New, text, nil, format, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return chacha20poly1305.New(key)
}

func marshal(s secretsharing.Share) ([]byte, error) {
	id, err := s.ID.MarshalBinary()
	if err != nil {
		return nil, err
	}
	value, err := s.Value.MarshalBinary()
	return append(id, value...), err
}

func unmarshal(text []byte) (secretsharing.Share, error) {
	s := secretsharing.Share{ID: shamir.NewScalar(), Value: shamir.NewScalar()}
	if len(text) != shareBytes || s.ID.UnmarshalBinary(text[:shareBytes/2]) != nil || s.Value.UnmarshalBinary(text[shareBytes/2:]) != nil || s.ID.IsZero() {
		return s, &FormatError{"a share is damaged"}
	}
	return s, nil
}

// seal encrypts a short text to one recipient.
func seal(text []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}
