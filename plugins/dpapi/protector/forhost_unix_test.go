//go:build unix

package protector_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

// createIn makes this test binary a process that only opens the key.
const createIn = "PROTECTOR_TEST_CREATE_IN"

func TestMain(m *testing.M) {
	if folder := os.Getenv(createIn); folder != "" {
		// Stdin closes for all processes at once.
		_, _ = os.Stdin.Read(make([]byte, 1))
		p, err := forHost(folder)
		if err != nil {
			os.Stdout.WriteString("error: " + err.Error())
			os.Exit(1)
		}
		os.Stdout.WriteString(identityText(p.Identity()))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func forHost(folder string) (*protector.Protector, error) {
	return protector.ForHost(protector.Config{DataFolder: folder, HostName: "here", Random: rand.Reader})
}

func mustForHost(t *testing.T, folder string) *protector.Protector {
	t.Helper()
	p, err := forHost(folder)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func keyPath(folder string) string { return filepath.Join(folder, "keys", "host.key") }

func TestHostKey(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	suite(t, mustForHost(t, folder))

	t.Run("is only for its owner", func(t *testing.T) {
		for path, want := range map[string]fs.FileMode{keyPath(folder): 0o600, filepath.Dir(keyPath(folder)): fs.ModeDir | 0o700} {
			info, err := os.Stat(path)
			if err != nil || info.Mode() != want {
				t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, want)
			}
		}
	})
	t.Run("stays the same across restarts", func(t *testing.T) {
		first := mustForHost(t, folder)
		sealed := seal(t, first, "value", "secret://a")
		second := mustForHost(t, folder)
		if first.Identity() != second.Identity() {
			t.Errorf("identities %+v and %+v", first.Identity(), second.Identity())
		}
		if got, err := second.Open(sealed, []byte("secret://a")); err != nil || string(got) != "value" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("does not open what another key sealed", func(t *testing.T) {
		other := mustForHost(t, t.TempDir())
		if other.Identity().HostID == mustForHost(t, folder).Identity().HostID {
			t.Error("two keys have the same host id")
		}
		refused(t, mustForHost(t, folder), seal(t, other, "value", "a"), "a", protector.ErrUndecryptable)
	})
	t.Run("says that legacy blobs need Windows", func(t *testing.T) {
		_, err := mustForHost(t, folder).OpenLegacy([]byte{1, 0, 0, 0})
		if !errors.Is(err, protector.ErrUndecryptable) {
			t.Errorf("got %v", err)
		}
		wantError(t, err, "Windows")
	})
	t.Run("leaves no temporary file", func(t *testing.T) {
		entries, err := os.ReadDir(filepath.Dir(keyPath(folder)))
		if err != nil || len(entries) != 1 {
			t.Errorf("entries %v, %v", entries, err)
		}
	})
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
		"of an unknown format":              {write(`{"format":2,"hostId":"x","keyset":{"k":"CANARY"}}`), true, []string{"unknown format 2"}},
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
			mustForHost(t, folder)
			test.setup(t, folder)
			before, _ := os.ReadFile(keyPath(folder))
			_, err := forHost(folder)
			wantError(t, err, append(test.words, keys(folder))...)
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error repeats the file: %v", err)
			}
			var keyErr *protector.KeyError
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
	_, err := forHost(file)
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
		if got := identityText(mustForHost(t, folder).Identity()); got != outputs[0].String() {
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
