package e2e_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestKeysWhereTheSystemKeepsThem(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("here the product keeps the key")
	}
	w := newWorld(t)
	_, stderr := w.run("", 1, "key", "rotate", "--output", "json")
	if !strings.Contains(stderr, "UNSUPPORTED") || !strings.Contains(stderr, "Windows keeps") {
		t.Errorf("got %s", stderr)
	}
}

// rotation is what "key rotate" tells.
type rotation struct {
	provider.KeyRotation
	Provider string
}

func TestTheLifeOfAKey(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps the keys itself")
	}
	w := newWorld(t)
	const secrets = 4
	for i := range secrets {
		w.run(canary, 0, "set", fmt.Sprint("secret://", i), "--stdin")
	}
	engine, err := host.OpenResolver(w.host())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	serves := func() {
		t.Helper()
		for i := range secrets {
			got, err := engine.Get(t.Context(), secret.Ref(fmt.Sprint("secret://", i)), secret.Current)
			if err != nil || string(got.Value.Reveal()) != canary {
				t.Errorf("secret %d: %v", i, err)
			}
		}
	}
	serves()

	var before, after provider.KeyStatus
	w.json("", &before, "key", "status")
	if len(before.Keys) != 1 || before.Keys[0].Secrets != secrets || before.Newest != before.Keys[0].ID ||
		before.Place != filepath.Join(w.folder, "data", "keys", "host.key") {
		t.Errorf("status %+v", before)
	}
	var done rotation
	w.json("", &done, "key", "rotate")
	if done.Resealed != secrets || done.Failed != 0 || done.Resumed || done.Key == before.Newest || done.Provider != "DPAPI" {
		t.Errorf("rotation %+v", done)
	}
	serves() // the engine was not restarted

	stdout, _ := w.run("", 0, "key", "status")
	for _, text := range []string{before.Newest, done.Key, "nothing needs it", "newest, seals", "host.key"} {
		if !strings.Contains(stdout, text) {
			t.Errorf("status lacks %q:\n%s", text, stdout)
		}
	}
	t.Run("an old key is not retired unasked", func(t *testing.T) {
		_, stderr := w.in(t).run("", 2, "key", "retire")
		if !strings.Contains(stderr, "--yes") {
			t.Errorf("got %s", stderr)
		}
		if w.in(t).json("", &after, "key", "status"); len(after.Keys) != 2 {
			t.Errorf("status %+v", after)
		}
	})
	t.Run("and is when it was asked for", func(t *testing.T) {
		var gone provider.KeyRetirement
		w.in(t).json("", &gone, "key", "retire", "--yes")
		if !slices.Equal(gone.Retired, []string{before.Newest}) || len(gone.Left.Keys) != 1 {
			t.Errorf("retirement %+v", gone)
		}
		if stdout, _ := w.in(t).run("", 0, "key", "retire", "--yes"); !strings.Contains(stdout, "nothing to retire") {
			t.Errorf("got %s", stdout)
		}
		serves()
	})
	t.Run("a secret that does not open is named, and the exit code tells", func(t *testing.T) {
		db, err := sql.Open("sqlite", filepath.Join(w.folder, "data", "identitymesh.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("UPDATE IM_Secrets SET blob = x'00' WHERE ref = 'secret://0'"); err != nil {
			t.Fatal(err)
		}
		stdout, _ := w.in(t).run("", 1, "key", "rotate")
		if !strings.Contains(stdout, "secret://0") || !strings.Contains(stdout, "CORRUPT") || !strings.Contains(stdout, "sealed with it: 3") {
			t.Errorf("got %s", stdout)
		}
	})
	w.wantNoCanary()
}

func TestKeysOfAConfigurationThatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.env = append(w.env, "IdentityMesh__HostKeyWrappedBy=vault")
	_, stderr := w.run("", 4, "key", "status", "--output", "json")
	if !strings.Contains(stderr, "HostKeyWrappedBy") {
		t.Errorf("got %s", stderr)
	}
}
