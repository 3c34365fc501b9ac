//go:build unix

package protector_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

func keysIn(dataFolder string) keyfile.Folder {
	return keyfile.Folder{DataFolder: dataFolder, Random: rand.Reader}
}

func host(dataFolder string) *protector.Host {
	return protector.NewHost(protector.Config{Keys: keysIn(dataFolder), HostName: "here"})
}

func current(t *testing.T, h *protector.Host) *protector.Protector {
	t.Helper()
	p, err := h.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHostKey(t *testing.T) {
	folder := t.TempDir()
	p := current(t, host(folder))
	suite(t, p)

	t.Run("stays the same across restarts", func(t *testing.T) {
		again := current(t, host(folder))
		if p.Identity() != again.Identity() || p.Identity().HostName != "here" {
			t.Errorf("identities %+v and %+v", p.Identity(), again.Identity())
		}
		got, err := again.Open(seal(t, p, "value", "secret://a"), []byte("secret://a"))
		if err != nil || string(got) != "value" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("does not open what another key sealed", func(t *testing.T) {
		other := current(t, host(t.TempDir()))
		refused(t, p, seal(t, other, "value", "a"), "a", protector.ErrUndecryptable)
	})
	t.Run("says that legacy blobs need Windows", func(t *testing.T) {
		_, err := p.OpenLegacy([]byte{1, 0, 0, 0})
		if !errors.Is(err, protector.ErrUndecryptable) {
			t.Errorf("got %v", err)
		}
		wantError(t, err, "Windows")
	})
}

func TestARotationElsewhereIsNoticed(t *testing.T) {
	folder := t.TempDir()
	h := host(folder)
	old := current(t, h)
	sealed := seal(t, old, "value", "a")
	if _, _, err := keysIn(folder).AddPrimary(t.Context()); err != nil {
		t.Fatal(err)
	}
	rotated := current(t, host(folder))
	keyID := rotated.Identity().KeyID

	t.Run("when something is opened that the new key sealed", func(t *testing.T) {
		if old.Knows(keyID) || !old.Knows(old.Identity().KeyID) {
			t.Error("the old protector knows the wrong keys")
		}
		p, err := h.Opener(t.Context(), keyID)
		if err != nil || !p.Knows(keyID) {
			t.Fatalf("the key is not known: %v", err)
		}
		if got, err := p.Open(seal(t, rotated, "new", "a"), []byte("a")); err != nil || string(got) != "new" {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err := p.Open(sealed, []byte("a")); err != nil || string(got) != "value" {
			t.Errorf("what the old key sealed: %q, %v", got, err)
		}
	})
	t.Run("before anything is sealed", func(t *testing.T) {
		h := host(folder)
		current(t, h)
		keys, _, err := keysIn(folder).AddPrimary(t.Context()) // unfinished, so the same
		if err != nil {
			t.Fatal(err)
		}
		if err := keysIn(folder).FinishRotation(t.Context(), keys.Primary()); err != nil {
			t.Fatal(err)
		}
		if keys, _, err = keysIn(folder).AddPrimary(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, done, err := h.Sealer(t.Context())
		if err != nil || p.Identity().KeyID != keys.Primary() || current(t, h) != p {
			t.Fatalf("got %+v, %v", p.Identity(), err)
		}
		defer done()
		t.Run("and no key is retired meanwhile", func(t *testing.T) {
			retired := make(chan error, 1)
			go func() {
				_, err := keysIn(folder).Retire(t.Context(), func() ([]string, error) { return nil, nil })
				retired <- err
			}()
			select {
			case err := <-retired:
				t.Fatalf("it was retired: %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			done()
			if err := <-retired; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("and an unknown key stays unknown", func(t *testing.T) {
		p, err := h.Opener(t.Context(), "12345")
		if err != nil || p.Knows("12345") {
			t.Errorf("got %v", err)
		}
	})
}
