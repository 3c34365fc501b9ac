package wholefile_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

var errWriting = errors.New("the writer gave up")

func TestFileIsWrittenByItsRule(t *testing.T) {
	replace := func(p string, w func(io.Writer) error) error { return wholefile.Replace(p, 0o644, w) }
	create := func(p string, w func(io.Writer) error) error { return wholefile.Create(p, 0o600, w) }
	for name, c := range map[string]struct {
		write  func(string, func(io.Writer) error) error
		before string // content of a file with the mode 0640; none when empty
		half   bool   // the writer fails in the middle
		want   string // "" for no file
		mode   fs.FileMode
		err    error
	}{
		"replacing writes a new file":             {replace, "", false, "new", 0o644, nil},
		"replacing gives an old file its mode":    {replace, "old", false, "new", 0o644, nil},
		"creating writes a new file":              {create, "", false, "new", 0o600, nil},
		"creating leaves an old file alone":       {create, "old", false, "old", 0o640, fs.ErrExist},
		"amending keeps the mode":                 {wholefile.Amend, "old", false, "new", 0o640, nil},
		"amending needs a file":                   {wholefile.Amend, "", false, "", 0, fs.ErrNotExist},
		"half a content replaces nothing":         {replace, "old", true, "old", 0o640, errWriting},
		"half a content creates nothing":          {create, "", true, "", 0, errWriting},
		"half a content does not amend anything":  {wholefile.Amend, "old", true, "old", 0o640, errWriting},
		"half a content does not come into being": {replace, "", true, "", 0, errWriting},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if c.before != "" {
				if err := errors.Join(os.WriteFile(path, []byte(c.before), 0o640), os.Chmod(path, 0o640)); err != nil {
					t.Fatal(err)
				}
			}
			write := text("new")
			if c.half {
				write = func(w io.Writer) error { return errors.Join(text("n")(w), errWriting) }
			}
			if err := c.write(path, write); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			got, err := os.ReadFile(path)
			if string(got) != c.want || errors.Is(err, fs.ErrNotExist) != (c.want == "") {
				t.Errorf("the file has %q, %v", got, err)
			}
			if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm() != c.mode {
				t.Errorf("mode %v", info.Mode())
			}
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != "file" {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func TestOneOfManyCreatesAndAllFindItsContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var running sync.WaitGroup
	start := make(chan struct{})
	won := make(chan string, 16)
	for n := range 16 {
		running.Go(func() {
			content := fmt.Sprint("from ", n)
			err := wholefile.Create(path, 0o600, func(w io.Writer) error { <-start; return text(content)(w) })
			switch {
			case err == nil:
				won <- content
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("got %v", err)
			}
		})
	}
	close(start)
	running.Wait()
	close(won)
	winner := <-won
	got, err := os.ReadFile(path)
	if _, second := <-won; second || winner == "" || string(got) != winner || err != nil {
		t.Errorf("%q won, the file has %q, %v", winner, got, err)
	}
}

func TestReadersSeeOldOrNewAndNothingBetween(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	long := [2]string{string(make([]byte, 100_000)), "short"}
	if err := wholefile.Replace(path, 0o600, text(long[0])); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 200 {
			if err := wholefile.Amend(path, text(long[n%2])); err != nil {
				t.Errorf("amend: %v", err)
			}
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
		}
		f, err := wholefile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil || string(got) != long[0] && string(got) != long[1] {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		time.Sleep(time.Millisecond) // Windows lets nobody replace a file that is read
	}
}

func TestSymbolicLinks(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Skip("this account may not make symbolic links: ", err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Skip("this system (Wine) says that it made a symbolic link, and there is none: ", err)
	}
	check := func(what, wantFile string, wantLink bool) {
		t.Helper()
		got, err := os.ReadFile(path)
		info, err2 := os.Lstat(link)
		if err != nil || err2 != nil || string(got) != wantFile || (info.Mode()&fs.ModeSymlink != 0) != wantLink {
			t.Errorf("%s: file %q, link %v, %v, %v", what, got, info.Mode(), err, err2)
		}
	}
	if err := wholefile.Create(link, 0o600, text("new")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	check("creating does not follow", "old", true)
	if err := wholefile.Amend(link, text("amended")); err != nil {
		t.Error(err)
	}
	check("amending follows", "amended", true)
	if err := wholefile.Replace(link, 0o600, text("new")); err != nil {
		t.Error(err)
	}
	check("replacing replaces the link", "amended", false)
}

func TestCopyWithTheModeOfAnotherFile(t *testing.T) {
	folder := t.TempDir()
	model, path := filepath.Join(folder, "model"), filepath.Join(folder, "copy")
	if err := errors.Join(os.WriteFile(model, []byte("old"), 0o640), os.Chmod(model, 0o640)); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Like(path, model, text("copy")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}
