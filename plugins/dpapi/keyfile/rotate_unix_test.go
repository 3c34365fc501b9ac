//go:build unix

package keyfile_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
	"github.com/identitymesh/identitymesh/plugins/dpapi/wrapping"
)

func addPrimary(t *testing.T, f keyfile.Folder) (*keyfile.Keys, bool) {
	t.Helper()
	keys, unfinished, err := f.AddPrimary(t.Context())
	must(t, err)
	return keys, unfinished
}

func retire(t *testing.T, f keyfile.Folder, inUse ...string) []string {
	t.Helper()
	retired, err := f.Retire(t.Context(), func() ([]string, error) { return inUse, nil })
	must(t, err)
	return retired
}

func TestRotation(t *testing.T) {
	f := in(t.TempDir())
	first := mustOpen(t, f)
	second, unfinished := addPrimary(t, f)
	if unfinished || !second.Rotating || second.HostID != first.HostID || second.Primary() == first.Primary() ||
		!slices.Equal(second.IDs(), []string{first.Primary(), second.Primary()}) {
		t.Fatalf("first %s, then %s of %v, rotating %v", who(first), who(second), second.IDs(), second.Rotating)
	}
	t.Run("lets the new key open what the old one sealed, not the other way round", func(t *testing.T) {
		if !opens(t, second, seal(t, first)) || opens(t, first, seal(t, second)) {
			t.Error("it does not")
		}
	})
	t.Run("that was not finished is taken up, not begun again", func(t *testing.T) {
		if again, unfinished := addPrimary(t, f); !unfinished || who(again) != who(second) || len(again.IDs()) != 2 {
			t.Errorf("got %s of %v, %v", who(again), again.IDs(), unfinished)
		}
	})
	t.Run("is finished for its own key only", func(t *testing.T) {
		must(t, f.FinishRotation(t.Context(), first.Primary()))
		if !mustOpen(t, f).Rotating {
			t.Error("it was finished for another key")
		}
		must(t, f.FinishRotation(t.Context(), second.Primary()))
		if mustOpen(t, f).Rotating {
			t.Error("it is not finished")
		}
	})
	t.Run("keeps the file for its owner, and no copy", func(t *testing.T) {
		wantFiles(t, f, "host.key")
		if info, err := os.Stat(f.Path()); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
	t.Run("replaces the file, so that whoever reads it has it whole", func(t *testing.T) {
		f := in(t.TempDir())
		mustOpen(t, f)
		before, err := os.Open(f.Path())
		must(t, err)
		defer before.Close()
		want, err := os.ReadFile(f.Path())
		must(t, err)
		addPrimary(t, f)
		got, err := io.ReadAll(before)
		must(t, err)
		if string(got) != string(want) {
			t.Error("the open file changed")
		}
	})
	t.Run("removes what a killed one left", func(t *testing.T) {
		must(t, os.WriteFile(f.Path()+".123.tmp", []byte("half"), 0o600))
		addPrimary(t, f)
		wantFiles(t, f, "host.key")
	})
	t.Run("retires the keys that nothing uses, never the primary one", func(t *testing.T) {
		third := mustOpen(t, f).Primary()
		if got := retire(t, f, first.Primary()); !slices.Equal(got, []string{second.Primary()}) {
			t.Errorf("retired %v", got)
		}
		if got := retire(t, f); !slices.Equal(got, []string{first.Primary()}) {
			t.Errorf("retired %v", got)
		}
		if got := retire(t, f); got != nil || !slices.Equal(mustOpen(t, f).IDs(), []string{third}) {
			t.Errorf("retired %v, left %v", got, mustOpen(t, f).IDs())
		}
		if opens(t, mustOpen(t, f), seal(t, first)) {
			t.Error("a retired key still opens")
		}
	})
	t.Run("retires nothing when it is not known what is used", func(t *testing.T) {
		addPrimary(t, f)
		before := who(mustOpen(t, f))
		unknown := errors.New("unknown")
		if _, err := f.Retire(t.Context(), func() ([]string, error) { return nil, unknown }); !errors.Is(err, unknown) {
			t.Errorf("got %v", err)
		}
		if after := mustOpen(t, f); who(after) != before || len(after.IDs()) != 1 {
			t.Errorf("now %s of %v", who(after), after.IDs())
		}
	})
}

func TestUse(t *testing.T) {
	f := in(t.TempDir())
	keys, done, err := f.Use(t.Context(), nil)
	must(t, err)
	t.Run("is shared", func(t *testing.T) {
		again, done2, err := f.Use(t.Context(), keys)
		must(t, err)
		done2()
		if again != keys {
			t.Error("the same file was read again")
		}
	})
	t.Run("holds changes back, for as long as they may wait", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, _, err := f.AddPrimary(ctx)
		var problem *keyfile.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &problem) {
			t.Errorf("got %v", err)
		}
	})
	done()
	t.Run("brings the changed keys", func(t *testing.T) {
		added, _ := addPrimary(t, f)
		now, done, err := f.Use(t.Context(), keys)
		must(t, err)
		defer done()
		if who(now) != who(added) {
			t.Errorf("got %s, want %s", who(now), who(added))
		}
	})
	t.Run("does not make a new key in the place of one that went", func(t *testing.T) {
		must(t, os.Remove(f.Path()))
		_, _, err := f.Use(t.Context(), keys)
		wantError(t, err, f.Path(), "is gone", "restore")
	})
}

func TestRotationsAtOnceBecomeOne(t *testing.T) {
	f := in(t.TempDir())
	mustOpen(t, f)
	var wg sync.WaitGroup
	begun := make(chan string, 6)
	for range cap(begun) {
		wg.Go(func() {
			keys, unfinished, err := f.AddPrimary(t.Context())
			if err != nil {
				t.Error(err)
			} else if !unfinished {
				begun <- keys.Primary()
			}
		})
	}
	wg.Wait()
	if keys := mustOpen(t, f); len(begun) != 1 || len(keys.IDs()) != 2 {
		t.Errorf("%d were begun, the keys are %v", len(begun), keys.IDs())
	}
}

func credential(t *testing.T, content string) wrapping.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	must(t, os.WriteFile(path, []byte(strings.Repeat(content, 32)), 0o400))
	s, err := wrapping.Parse("credential:"+path, os.Getenv)
	must(t, err)
	return s
}

func TestWrappedFile(t *testing.T) {
	f := in(t.TempDir())
	f.Source = credential(t, "a")
	keys := mustOpen(t, f)
	if keys.WrappedBy != wrapping.KindCredential {
		t.Errorf("wrapped by %q", keys.WrappedBy)
	}
	t.Run("opens again with its source, also after a rotation", func(t *testing.T) {
		addPrimary(t, f)
		if !opens(t, mustOpen(t, f), seal(t, keys)) {
			t.Error("it does not")
		}
	})
	t.Run("does not open alone", func(t *testing.T) {
		for name, source := range map[string]wrapping.Source{"none": nil, "another credential": credential(t, "b")} {
			stolen := f
			stolen.Source = source
			_, err := stolen.Open(t.Context())
			var problem *keyfile.Error
			if !errors.As(err, &problem) || !problem.Wrapping || !strings.Contains(err.Error(), f.Path()) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
	t.Run("refuses every flipped byte of the keyset", func(t *testing.T) {
		whole, err := os.ReadFile(f.Path())
		must(t, err)
		at := strings.Index(string(whole), `"encryptedKeyset":"`) + len(`"encryptedKeyset":"`)
		for i := at; i < at+40; i++ {
			damaged := slices.Clone(whole)
			damaged[i] ^= 2
			must(t, os.WriteFile(f.Path(), damaged, 0o600))
			if _, err := f.Open(t.Context()); err == nil {
				t.Fatalf("byte %d: it opened", i)
			}
		}
		must(t, os.WriteFile(f.Path(), whole, 0o600))
		mustOpen(t, f)
	})
	t.Run("is refused when its host id was exchanged", func(t *testing.T) {
		whole, err := os.ReadFile(f.Path())
		must(t, err)
		other := strings.Replace(string(whole), keys.HostID, strings.Repeat("0", len(keys.HostID)), 1)
		must(t, os.WriteFile(f.Path(), []byte(other), 0o600))
		if _, err := f.Open(t.Context()); err == nil {
			t.Error("it opened")
		}
	})
}

func TestAClearFileIsWrappedByTheNextRotation(t *testing.T) {
	f := in(t.TempDir())
	first := mustOpen(t, f)
	f.Source = credential(t, "a")
	if mustOpen(t, f).WrappedBy != "" {
		t.Error("it counts as wrapped")
	}
	addPrimary(t, f)
	if keys := mustOpen(t, f); keys.WrappedBy != wrapping.KindCredential || !opens(t, keys, seal(t, first)) {
		t.Errorf("wrapped by %q", keys.WrappedBy)
	}
}

func TestASourceThatFailsLeavesTheFileAsItWas(t *testing.T) {
	f := in(t.TempDir())
	before := who(mustOpen(t, f))
	broken := f
	broken.Source, _ = wrapping.Parse("credential:"+filepath.Join(t.TempDir(), "none"), os.Getenv)
	_, _, err := broken.AddPrimary(t.Context())
	var problem *keyfile.Error
	if !errors.As(err, &problem) || !problem.Wrapping {
		t.Errorf("got %v", err)
	}
	if after := who(mustOpen(t, f)); after != before {
		t.Errorf("was %s, is %s", before, after)
	}
	wantFiles(t, f, "host.key")
}
