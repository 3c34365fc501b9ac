// Package archive writes tar.gz and zip files whose bytes depend on nothing but
// the files' contents, names and modes and one time: no owner, no folder and no
// clock of the machine that writes them. Start reading at [TarGz].
package archive

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// File is a file to pack.
type File struct {
	// Name in the archive, with slashes.
	Name string
	// Source is the path of its content.
	Source string
	Mode   fs.FileMode
}

// TarGz writes the files into a new file at out, sorted by name. Each gets the
// time.
func TarGz(out string, files []File, t time.Time) error {
	return create(out, func(w io.Writer) error {
		// The header of gzip has neither name nor time.
		zw := gzip.NewWriter(w)
		tw := tar.NewWriter(zw)
		err := each(files, func(f File, size int64, content io.Reader) error {
			header := &tar.Header{
				Typeflag: tar.TypeReg, Name: f.Name, Size: size, Mode: int64(f.Mode.Perm()), ModTime: t.UTC().Truncate(time.Second),
				Uname: "root", Gname: "root", Format: tar.FormatPAX,
			}
			if err := tw.WriteHeader(header); err != nil {
				return err
			}
			_, err := io.Copy(tw, content)
			return err
		})
		return errors.Join(err, tw.Close(), zw.Close())
	})
}

// Zip does the same in the format of Windows.
func Zip(out string, files []File, t time.Time) error {
	return create(out, func(w io.Writer) error {
		zw := zip.NewWriter(w)
		err := each(files, func(f File, _ int64, content io.Reader) error {
			header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: t.UTC()}
			header.SetMode(f.Mode)
			entry, err := zw.CreateHeader(header)
			if err != nil {
				return err
			}
			_, err = io.Copy(entry, content)
			return err
		})
		return errors.Join(err, zw.Close())
	})
}

func each(files []File, do func(f File, size int64, content io.Reader) error) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range files {
		if err := open(f, do); err != nil {
			return fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	return nil
}

func open(f File, do func(f File, size int64, content io.Reader) error) error {
	source, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	return do(f, info.Size(), source)
}

// create leaves no file behind that is not whole.
func create(out string, write func(io.Writer) error) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		_ = os.Remove(out)
		return err
	}
	return nil
}
