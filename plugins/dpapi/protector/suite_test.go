package protector_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

// suite is what every protector must do, whatever seals underneath.
func suite(t *testing.T, p *protector.Protector) {
	t.Helper()
	t.Run("returns what was sealed, from nothing to 1 MiB", func(t *testing.T) {
		for _, size := range []int{0, 1, 2, 15, 16, 17, 255, 256, 4096, 1 << 20} {
			plain := everyByte(size)
			sealed, err := p.Seal(plain, []byte("secret://a"))
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if size >= 15 && bytes.Contains(sealed, plain) {
				t.Errorf("%d bytes: the sealed form holds the plaintext", size)
			}
			got, err := p.Open(sealed, []byte("secret://a"))
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes: got %d bytes, %v", size, len(got), err)
			}
			if !bytes.Equal(plain, everyByte(size)) {
				t.Errorf("%d bytes: Seal changed its input", size)
			}
		}
	})
	t.Run("seals the same value differently each time", func(t *testing.T) {
		a, b := seal(t, p, "same", "secret://a"), seal(t, p, "same", "secret://a")
		if bytes.Equal(a, b) {
			t.Error("two sealed forms are equal")
		}
	})
	t.Run("refuses associated data it was not sealed with", func(t *testing.T) {
		sealed := seal(t, p, "value", "secret://a")
		for _, other := range []string{"", "secret://", "secret://A", "secret://a ", "secret://b"} {
			refused(t, p, sealed, other, protector.ErrUndecryptable)
		}
	})
	t.Run("refuses a damaged value", func(t *testing.T) {
		sealed := seal(t, p, "value", "secret://a")
		for bit := range len(sealed) * 8 {
			flipped := bytes.Clone(sealed)
			flipped[bit/8] ^= 1 << (bit % 8)
			refused(t, p, flipped, "secret://a", protector.ErrCorrupt)
		}
		for n := range sealed {
			refused(t, p, sealed[:n], "secret://a", protector.ErrCorrupt)
		}
		refused(t, p, append(bytes.Clone(sealed), 0), "secret://a", protector.ErrCorrupt)
		refused(t, p, nil, "secret://a", protector.ErrCorrupt)
	})
}

func seal(t *testing.T, p *protector.Protector, plain, ad string) []byte {
	t.Helper()
	sealed, err := p.Seal([]byte(plain), []byte(ad))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func refused(t *testing.T, p *protector.Protector, sealed []byte, ad string, want error) {
	t.Helper()
	got, err := p.Open(sealed, []byte(ad))
	if got != nil {
		t.Fatalf("got %d bytes out of %x", len(got), sealed)
	}
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func everyByte(size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !bytes.Contains([]byte(err.Error()), []byte(part)) {
			t.Errorf("error %q does not name %q", err, part)
		}
	}
}

func identityText(id protector.Identity) string {
	return fmt.Sprintf("%s/%s/%s", id.Kind, id.KeyID, id.HostID)
}
