package logfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/logfile"
)

func open(t *testing.T, c logfile.Config) *logfile.Writer {
	t.Helper()
	w, err := logfile.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func write(t *testing.T, w *logfile.Writer, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if n, err := w.Write([]byte(line)); err != nil || n != len(line) {
			t.Fatalf("write %q: %d, %v", line, n, err)
		}
	}
}

// contents returns the log files of the folder, newest first.
func contents(t *testing.T, folder string) string {
	t.Helper()
	var out []string
	for _, name := range []string{"x.log", "x.1.log", "x.2.log", "x.3.log"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil {
			out = append(out, string(text))
		}
	}
	return strings.Join(out, "|")
}

func TestFilesAreLimitedInSizeAndNumber(t *testing.T) {
	for name, c := range map[string]struct {
		size  int64
		files int
		lines []string
		want  string
	}{
		"lines that fit share a file":                    {10, 3, []string{"aaaaa", "bbbbb"}, "aaaaabbbbb"},
		"a line that does not fit begins a new one":      {10, 3, []string{"aaaaa", "bbbbb", "c"}, "c|aaaaabbbbb"},
		"the oldest is dropped":                          {5, 3, []string{"aaaaa", "bbbbb", "ccccc", "ddddd"}, "ddddd|ccccc|bbbbb"},
		"one file begins again":                          {5, 1, []string{"aaaaa", "bbbbb"}, "bbbbb"},
		"a line that is too long stays whole and alone":  {5, 3, []string{"a", "bbbbbbbbb", "c"}, "c|bbbbbbbbb|a"},
		"a first line that is too long needs no new one": {5, 3, []string{"aaaaaaaaa"}, "aaaaaaaaa"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "logs")
			write(t, open(t, logfile.Config{Folder: folder, Name: "x", MaxBytes: c.size, MaxFiles: c.files}), c.lines...)
			if got := contents(t, folder); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNextStartGoesOnWhereTheLastEnded(t *testing.T) {
	c := logfile.Config{Folder: t.TempDir(), Name: "x", MaxBytes: 10, MaxFiles: 2}
	first := open(t, c)
	write(t, first, "aaaaaaaa")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, c)
	write(t, second, "b", "cc")
	if got := contents(t, c.Folder); got != "cc|aaaaaaaab" {
		t.Errorf("got %q", got)
	}
	if want := filepath.Join(c.Folder, "x.log"); second.Path() != want {
		t.Errorf("the path is %s", second.Path())
	}
}

func TestTwoProcessesDoNotWriteTheSameFiles(t *testing.T) {
	c := logfile.Config{Folder: t.TempDir(), Name: "x", MaxBytes: 10, MaxFiles: 2}
	first := open(t, c)
	if _, err := logfile.Open(c); err == nil || !strings.Contains(err.Error(), first.Path()) {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, c)
}

func TestClosedWriterTakesNothingMore(t *testing.T) {
	w := open(t, logfile.Config{Folder: t.TempDir(), Name: "x", MaxBytes: 10, MaxFiles: 2})
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Write([]byte("late")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestOthersCannotReadTheLog(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there the folder's access list decides")
	}
	folder := filepath.Join(t.TempDir(), "logs")
	w := open(t, logfile.Config{Folder: folder, Name: "x", MaxBytes: 1, MaxFiles: 2})
	write(t, w, "a", "b")
	for path, want := range map[string]fs.FileMode{folder: 0o700, w.Path(): 0o600, filepath.Join(folder, "x.1.log"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestFileThatCannotBeSetAsideGoesOnGrowingAndTheOthersStay(t *testing.T) {
	for _, blocked := range []string{"x.0.log", "x.1.log"} {
		folder := t.TempDir()
		// What is no file cannot be replaced by one.
		if err := os.MkdirAll(filepath.Join(folder, blocked, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
		older, files := map[string]string{"x.1.log": "newer", "x.2.log": "old"}, 3
		if blocked == "x.1.log" {
			older, files = map[string]string{"x.2.log": "old"}, 2 // with more, it would move on
		}
		for name, text := range older {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w := open(t, logfile.Config{Folder: folder, Name: "x", MaxBytes: 3, MaxFiles: files})
		write(t, w, "aaa", "bbb", "ccc")
		if text, err := os.ReadFile(w.Path()); err != nil || string(text) != "aaabbbccc" {
			t.Errorf("with %s in the way: got %q, %v", blocked, text, err)
		}
		for name, want := range older {
			if text, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(text) != want {
				t.Errorf("with %s in the way: %s is %q, %v", blocked, name, text, err)
			}
		}
	}
}

func TestLinesOfManyWritersStayWhole(t *testing.T) {
	folder := t.TempDir()
	w := open(t, logfile.Config{Folder: folder, Name: "x", MaxBytes: 1 << 10, MaxFiles: 100})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 100 {
				_, _ = fmt.Fprintf(w, "writer %d line %02d\n", i, j)
			}
		})
	}
	all.Wait()
	files, err := filepath.Glob(filepath.Join(folder, "x*.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 1<<10 {
			t.Errorf("%s has %d bytes, %v", file, len(text), err)
		}
		for line := range strings.Lines(string(text)) {
			lines++
			var i, j int
			if n, _ := fmt.Sscanf(line, "writer %d line %02d\n", &i, &j); n != 2 {
				t.Errorf("torn line %q", line)
			}
		}
	}
	if lines != 800 {
		t.Errorf("%d lines of 800 in %d files", lines, len(files))
	}
}
