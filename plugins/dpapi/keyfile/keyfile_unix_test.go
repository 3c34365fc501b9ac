//go:build unix

package keyfile_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
)

// createIn makes this test binary a process that only opens the key.
const createIn = "KEYFILE_TEST_CREATE_IN"

func TestMain(m *testing.M) {
	if folder := os.Getenv(createIn); folder != "" {
		// Stdin closes for all processes at once.
		_, _ = os.Stdin.Read(make([]byte, 1))
		keys, err := in(folder).Open(context.Background())
		if err != nil {
			os.Stdout.WriteString("error: " + err.Error())
			os.Exit(1)
		}
		os.Stdout.WriteString(who(keys))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func in(dataFolder string) keyfile.Folder {
	return keyfile.Folder{DataFolder: dataFolder, Random: rand.Reader}
}

// who names host and primary key.
func who(k *keyfile.Keys) string { return k.HostID + "/" + k.Primary() }

func mustOpen(t *testing.T, f keyfile.Folder) *keyfile.Keys {
	t.Helper()
	keys, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// seal and open work as package protector does, without its envelope.
func seal(t *testing.T, k *keyfile.Keys) []byte {
	t.Helper()
	c, err := k.Cipher()
	must(t, err)
	sealed, err := c.Encrypt([]byte("value"), nil)
	must(t, err)
	return sealed
}

func opens(t *testing.T, k *keyfile.Keys, sealed []byte) bool {
	t.Helper()
	c, err := k.Cipher()
	must(t, err)
	got, err := c.Decrypt(sealed, nil)
	return err == nil && string(got) == "value"
}

func keyPath(folder string) string { return filepath.Join(folder, "keys", "host.key") }

func TestHostKey(t *testing.T) {
	folder := in(filepath.Join(t.TempDir(), "data"))
	first := mustOpen(t, folder)

	t.Run("is only for its owner", func(t *testing.T) {
		for path, want := range map[string]fs.FileMode{folder.Path(): 0o600, filepath.Dir(folder.Path()): fs.ModeDir | 0o700} {
			info, err := os.Stat(path)
			if err != nil || info.Mode() != want {
				t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, want)
			}
		}
	})
	t.Run("stays the same across restarts", func(t *testing.T) {
		second := mustOpen(t, folder)
		if who(first) != who(second) || !opens(t, second, seal(t, first)) {
			t.Errorf("%s and %s", who(first), who(second))
		}
	})
	t.Run("does not open what another host's sealed", func(t *testing.T) {
		other := mustOpen(t, in(t.TempDir()))
		if other.HostID == first.HostID || opens(t, first, seal(t, other)) {
			t.Error("two hosts have the same key or id")
		}
	})
	t.Run("leaves no other file", func(t *testing.T) { wantFiles(t, folder, "host.key") })
}

func wantFiles(t *testing.T, f keyfile.Folder, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(f.Path()))
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

func TestHostKeyRefusals(t *testing.T) {
	type setup func(t *testing.T, folder string)
	chmod := func(mode fs.FileMode, of func(string) string) setup {
		return func(t *testing.T, folder string) { must(t, os.Chmod(of(folder), mode)) }
	}
	write := func(content string) setup {
		return func(t *testing.T, folder string) { must(t, os.WriteFile(keyPath(folder), []byte(content), 0o600)) }
	}
	keys := func(folder string) string { return filepath.Join(folder, "keys") }
	tests := map[string]struct {
		setup   setup
		damaged bool
		words   []string
	}{
		"readable by the group":             {chmod(0o640, keyPath), false, []string{"mode 0640", "chmod 0600"}},
		"readable by all":                   {chmod(0o604, keyPath), false, []string{"mode 0604", "chmod 0600"}},
		"in a folder that others can enter": {chmod(0o711, keys), false, []string{"mode 0711", "chmod 0700"}},
		"not JSON":                          {write("CANARY{"), true, []string{"not a key file", "restore it from a backup"}},
		"empty":                             {write(""), true, []string{"not a key file"}},
		"of an unknown format":              {write(`{"format":3,"hostId":"x","keyset":{"k":"CANARY"}}`), true, []string{"unknown format 3"}},
		"wrapped by nobody":                 {write(`{"format":2,"hostId":"x","keyset":{"k":"CANARY"}}`), true, []string{"unknown format 2"}},
		"wrapped by another kind":           {write(`{"format":2,"hostId":"x","wrappedBy":"moon","keyset":{"k":"CANARY"}}`), false, []string{`"moon"`, "configure"}},
		"without a host id":                 {write(`{"format":1,"keyset":{"k":"CANARY"}}`), true, []string{"no host id"}},
		"without a keyset":                  {write(`{"format":1,"hostId":"x"}`), true, []string{"no usable keyset"}},
		"with a keyset that is none":        {write(`{"format":1,"hostId":"x","keyset":{"k":"CANARY"}}`), true, []string{"no usable keyset"}},
		"a symbolic link": {func(t *testing.T, folder string) {
			must(t, os.Rename(keyPath(folder), keyPath(folder)+".real"))
			must(t, os.Symlink(keyPath(folder)+".real", keyPath(folder)))
		}, false, []string{"cannot be opened"}},
		"a folder": {func(t *testing.T, folder string) {
			must(t, os.Remove(keyPath(folder)))
			must(t, os.Mkdir(keyPath(folder), 0o700))
		}, false, []string{"not a regular file"}},
		"owned by another user": {func(t *testing.T, folder string) {
			asRoot(t)
			must(t, os.Chown(keyPath(folder), 65534, -1))
		}, false, []string{"belongs to another user", "mode 0600", "65534", "root"}},
		"in a folder of another user": {func(t *testing.T, folder string) {
			asRoot(t)
			must(t, os.Chown(keys(folder), 65534, -1))
		}, false, []string{"belongs to another user", "mode 0700", "65534"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			mustOpen(t, in(folder))
			test.setup(t, folder)
			before, _ := os.ReadFile(keyPath(folder))
			_, err := in(folder).Open(t.Context())
			wantError(t, err, append(test.words, keys(folder))...)
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error repeats the file: %v", err)
			}
			var keyErr *keyfile.Error
			if !errors.As(err, &keyErr) || keyErr.Damaged != test.damaged {
				t.Errorf("got %#v", err)
			}
			if after, _ := os.ReadFile(keyPath(folder)); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestHostKeyInAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := in(file).Open(t.Context())
	wantError(t, err, file, "not a directory")
}

func TestProcessesThatCreateTheKeyAtOnceGetTheSameKey(t *testing.T) {
	for range 5 {
		folder := t.TempDir()
		read, write, err := os.Pipe()
		must(t, err)
		const processes = 6
		outputs := make([]strings.Builder, processes)
		commands := make([]*exec.Cmd, processes)
		for i := range commands {
			commands[i] = exec.CommandContext(t.Context(), os.Args[0])
			commands[i].Env = append(os.Environ(), createIn+"="+folder)
			commands[i].Stdin, commands[i].Stdout = read, &outputs[i]
			must(t, commands[i].Start())
		}
		read.Close()
		write.Close()
		for i, command := range commands {
			if err := command.Wait(); err != nil {
				t.Fatalf("%v: %s", err, outputs[i].String())
			}
			if got := outputs[i].String(); got != outputs[0].String() || got == "" {
				t.Errorf("process %d has %q, process 0 has %q", i, got, outputs[0].String())
			}
		}
		if got := who(mustOpen(t, in(folder))); got != outputs[0].String() {
			t.Errorf("afterwards the key is %q, the processes had %q", got, outputs[0].String())
		}
	}
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a file to another user")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %q", err, part)
		}
	}
}
