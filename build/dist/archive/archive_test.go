package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/dist/archive"
)

var moment = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

// files returns two files that were made just now, in a folder of their own.
func files(t *testing.T) []archive.File {
	t.Helper()
	dir := t.TempDir()
	var out []archive.File
	for _, f := range []archive.File{{Name: "p/b.txt", Mode: 0o644}, {Name: "p/a", Mode: 0o755}} {
		f.Source = filepath.Join(dir, filepath.Base(f.Name))
		if err := os.WriteFile(f.Source, []byte("content of "+f.Name), 0o600); err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

var want = []string{
	"p/a -rwxr-xr-x 2026-01-02T03:04:06Z content of p/a",
	"p/b.txt -rw-r--r-- 2026-01-02T03:04:06Z content of p/b.txt",
}

func TestArchivesHoldTheFilesAndNothingOfTheMachine(t *testing.T) {
	for name, c := range map[string]struct {
		write func(string, []archive.File, time.Time) error
		read  func(*testing.T, []byte) []string
	}{"a tar.gz": {archive.TarGz, readTarGz}, "a zip": {archive.Zip, readZip}} {
		t.Run(name, func(t *testing.T) {
			var made [2][]byte
			for i := range made {
				// Other times and another folder of the sources, another zone of the time.
				out := filepath.Join(t.TempDir(), "out")
				if err := c.write(out, files(t), moment.In(time.FixedZone("", 3600*i))); err != nil {
					t.Fatal(err)
				}
				var err error
				if made[i], err = os.ReadFile(out); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(made[0], made[1]) {
				t.Error("the same files gave other bytes")
			}
			if got := c.read(t, made[0]); !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

func TestHalfAnArchiveIsNotLeftBehind(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	broken := append(files(t), archive.File{Name: "z", Source: filepath.Join(t.TempDir(), "none")})
	if err := archive.TarGz(out, broken, moment); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}

func line(name string, mode any, at time.Time, content io.Reader) string {
	text, err := io.ReadAll(content)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %v %s %s", name, mode, at.UTC().Format(time.RFC3339), text)
}

func readTarGz(t *testing.T, data []byte) []string {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || h.Gname != "root" {
			t.Errorf("%s belongs to %d:%d %s:%s", h.Name, h.Uid, h.Gid, h.Uname, h.Gname)
		}
		out = append(out, line(h.Name, h.FileInfo().Mode(), h.ModTime, tr))
	}
}

func readZip(t *testing.T, data []byte) []string {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range zr.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line(f.Name, f.Mode(), f.Modified, content))
	}
	return out
}
