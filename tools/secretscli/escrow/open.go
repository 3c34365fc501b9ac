package escrow

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Bundle is an opened bundle.
type Bundle struct {
	Manifest Manifest
	inside   *bufio.Reader
}

// Open opens the bundle that r gives with the identities of people and with shares
// that others took out by [Share]. Too few of them are a [*NotEnoughError].
func Open(r io.Reader, identities []age.Identity, shares [][]byte) (*Bundle, error) {
	outside := bufio.NewReader(r)
	m, line, err := ReadManifest(outside)
	if err != nil {
		return nil, err
	}
	opened, err := decryptShares(shares, identities)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(outside, keys{identities, opened})
	if err != nil {
		return nil, why(err)
	}
	b := &Bundle{m, bufio.NewReader(plain)}
	again, err := readLine(b.inside, maxManifest)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, sealed(line)) {
		return nil, &FormatError{"its manifest was changed"}
	}
	return b, nil
}

// why finds what keys said in what age made of it.
func why(err error) error {
	var few *NotEnoughError
	if errors.As(err, &few) {
		return few
	}
	var noMatch *age.NoIdentityMatchError
	if errors.As(err, &noMatch) {
		for _, e := range noMatch.Errors {
			if errors.As(e, &few) {
				return few
			}
		}
	}
	return fmt.Errorf("open the bundle: %w", err)
}

// Next returns the next secret, which the caller wipes, and io.EOF after the last
// one. Not all secrets of the manifest before the end is a [*FormatError].
func (b *Bundle) Next(done int) (Item, secret.Value, error) {
	item, value, err := readEntry(b.inside)
	switch {
	case errors.Is(err, io.EOF) && done != len(b.Manifest.Secrets):
		return item, value, &FormatError{fmt.Sprintf("it has %d of the %d secrets of its manifest", done, len(b.Manifest.Secrets))}
	case err != nil:
		return item, value, err
	case done >= len(b.Manifest.Secrets) || item.Ref != b.Manifest.Secrets[done].Ref:
		value.Wipe()
		return item, value, &FormatError{"its secrets are not those of its manifest"}
	}
	return item, value, nil
}

// Share takes out of the bundle that r gives what one person holds and encrypts it
// to somebody else, who collects such shares to open the bundle.
func Share(r io.Reader, identity age.Identity, to age.Recipient) ([]byte, error) {
	outside := bufio.NewReader(r)
	if _, _, err := ReadManifest(outside); err != nil {
		return nil, err
	}
	var mine shareOf
	mine.identity = identity
	_, err := age.Decrypt(outside, &mine)
	if mine.text == nil {
		if errors.Is(err, errShareTaken) {
			err = nil
		}
		return nil, errors.Join(errors.New("the key opens no share of this bundle; its manifest names the recipients"), err)
	}
	defer clear(mine.text)
	return seal(mine.text, to)
}

// errShareTaken ends the decryption of a bundle of which only a share is wanted.
var errShareTaken = errors.New("only the share was wanted")

type shareOf struct {
	identity age.Identity
	text     []byte
}

// Unwrap implements [age.Identity]: it looks at the header and opens nothing.
func (s *shareOf) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, stanza := range stanzas {
		if stanza.Type == stanzaShare && s.text == nil {
			s.text, _ = keys{identities: []age.Identity{s.identity}}.open(stanza.Body)
		}
	}
	return nil, errShareTaken
}

// decryptShares opens what [Share] made.
func decryptShares(shares [][]byte, identities []age.Identity) (opened [][]byte, err error) {
	k := keys{identities: identities}
	for i, body := range shares {
		text, ok := k.open(body)
		if !ok {
			return nil, fmt.Errorf("share %d is damaged or was encrypted to another key than those given", i+1)
		}
		opened = append(opened, text)
	}
	return opened, nil
}
