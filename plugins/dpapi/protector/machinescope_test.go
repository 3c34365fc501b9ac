package protector_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

// dpapiFake seals as DPAPI does: entropy takes part, nothing empty is accepted.
type dpapiFake struct{ entropies [][]byte }

var errInvalidData = errors.New("the data is invalid")

func (f *dpapiFake) aead(entropy []byte) cipher.AEAD {
	f.entropies = append(f.entropies, bytes.Clone(entropy))
	key := sha256.Sum256(entropy)
	block, _ := aes.NewCipher(key[:])
	gcm, _ := cipher.NewGCMWithRandomNonce(block)
	return gcm
}

func (f *dpapiFake) protect(data, entropy []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errInvalidData
	}
	return f.aead(entropy).Seal(nil, nil, data, nil), nil
}

func (f *dpapiFake) unprotect(data, entropy []byte) ([]byte, error) {
	return f.aead(entropy).Open(nil, nil, data, nil)
}

func TestMachineScope(t *testing.T) {
	fake := &dpapiFake{}
	p := protector.NewMachineScope(protector.Identity{HostID: "h"}, fake.protect, fake.unprotect)
	suite(t, p)

	t.Run("binds the product and the ref as entropy, at both calls", func(t *testing.T) {
		fake.entropies = nil
		sealed := seal(t, p, "value", "secret://a")
		if _, err := p.Open(sealed, []byte("secret://a")); err != nil {
			t.Fatal(err)
		}
		want := []byte("\x00\x00\x00\x1didentitymesh/plugins/dpapi/v1\x00\x00\x00\x0asecret://a")
		if len(fake.entropies) != 2 || !bytes.Equal(fake.entropies[0], want) || !bytes.Equal(fake.entropies[1], want) {
			t.Errorf("entropies %q, want twice %q", fake.entropies, want)
		}
	})
	t.Run("opens a legacy blob without entropy", func(t *testing.T) {
		blob, _ := fake.protect([]byte("old"), nil)
		got, err := p.OpenLegacy(blob)
		if err != nil || string(got) != "old" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("refuses a legacy blob that is not one", func(t *testing.T) {
		if got, err := p.OpenLegacy([]byte("garbage that is longer than a nonce and a tag")); got != nil || !errors.Is(err, protector.ErrUndecryptable) {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("hands out and keeps nothing when the system call fails but returns bytes", func(t *testing.T) {
		leaked := []byte("\x01plain")
		bad := protector.NewMachineScope(protector.Identity{}, fake.protect,
			func(_, _ []byte) ([]byte, error) { return leaked, errInvalidData })
		refused(t, bad, seal(t, p, "v", "a"), "a", protector.ErrUndecryptable)
		if !bytes.Equal(leaked, make([]byte, len(leaked))) {
			t.Error("the bytes were not wiped")
		}
	})
	t.Run("keeps the words of the system when sealing fails", func(t *testing.T) {
		bad := protector.NewMachineScope(protector.Identity{},
			func(_, _ []byte) ([]byte, error) { return nil, errInvalidData }, fake.unprotect)
		if _, err := bad.Seal([]byte("v"), nil); !errors.Is(err, errInvalidData) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("wipes its copy of the plaintext", func(t *testing.T) {
		var seen []byte
		spy := protector.NewMachineScope(protector.Identity{},
			func(data, _ []byte) ([]byte, error) { seen = data; return []byte("sealed"), nil }, fake.unprotect)
		if _, err := spy.Seal(bytes.Repeat([]byte("x"), 40), nil); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 41 || !bytes.Equal(seen, make([]byte, 41)) {
			t.Errorf("the buffer still holds %q", seen)
		}
	})
}

func FuzzOpen(f *testing.F) {
	fake := &dpapiFake{}
	p := protector.NewMachineScope(protector.Identity{}, fake.protect, fake.unprotect)
	sealed, err := p.Seal([]byte("value"), []byte("ref"))
	if err != nil {
		f.Fatal(err)
	}
	random := make([]byte, 64)
	if _, err := rand.Read(random); err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(random)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := p.Open(data, []byte("ref"))
		// The seed that opens was sealed by another process of the fuzzer.
		if err == nil && string(got) != "value" {
			t.Fatalf("opened %x as %q", data, got)
		}
	})
}
