// Package escrow packs all secrets of a store into one encrypted file, a bundle,
// and puts them into another store, so that a host whose secrets open nowhere else
// can be built again.
//
// A bundle is encrypted with age to N people of whom M have to come together to
// open it. The file begins with one line of JSON, the [Manifest], which anybody may
// read; what follows is an age file. Inside, each secret is a line of JSON and its
// value, so that neither writing nor reading holds more than one value at a time.
//
// Who may do this, and the record of it, is for package command. Start reading at
// [Export] and [Open].
package escrow

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// format is what a manifest says a file is; the number is the version of it.
const format = "identitymesh-escrow/1"

// maxManifest bounds the first line of a bundle; a secret takes some 200 bytes.
const maxManifest = 256 << 20

// Manifest is what a bundle says of itself in the clear: which secrets are in it,
// and who can open it. It holds no value, and nothing made from one.
type Manifest struct {
	Format  string    `json:"format"`
	Created time.Time `json:"created"`
	// Host that wrote it, and the Provider that it read.
	Host     string `json:"host"`
	Provider string `json:"provider"`
	// Need is how many of Recipients, which are age's public keys, must come together.
	Need       int      `json:"need"`
	Recipients []string `json:"recipients"`
	Secrets    []Item   `json:"secrets"`
}

// Item is a secret in a bundle.
type Item struct {
	Ref secret.Ref `json:"ref"`
	// Version that the value had in the store it was read from.
	Version secret.Version `json:"version"`
	Updated time.Time      `json:"updated,omitzero"`
	Expires time.Time      `json:"expires,omitzero"`
	// Tags are not in the manifest: what people write there is not for everybody.
	Tags map[string]string `json:"-"`
}

// FormatError is a file that is no bundle, or not a whole one.
type FormatError struct{ Why string }

func (e *FormatError) Error() string { return "this is no escrow bundle that can be used: " + e.Why }

// ReadManifest reads the first line of a bundle. What r gives afterwards is the
// encrypted rest.
func ReadManifest(r *bufio.Reader) (Manifest, []byte, error) {
	var m Manifest
	line, err := readLine(r, maxManifest)
	if err != nil {
		return m, nil, err
	}
	if err := json.Unmarshal(line, &m); err != nil || m.Format == "" {
		return m, nil, &FormatError{"it does not begin with a manifest"}
	}
	if m.Format != format {
		return m, nil, &FormatError{fmt.Sprintf("its form is %q, this program knows %q; use the version that wrote it", m.Format, format)}
	}
	return m, line, nil
}

// readLine reads to the end of a line of at most limit bytes.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, &FormatError{"a line of it has no end"}
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return nil, &FormatError{"it ends too early"}
		default:
			return nil, fmt.Errorf("read the bundle: %w", err)
		}
	}
}

// entry is the line before a value inside of a bundle.
type entry struct {
	Item
	Tags map[string]string `json:"tags,omitempty"`
	// Bytes that the value has, which follow.
	Bytes int `json:"bytes"`
}

func writeEntry(w io.Writer, item Item, value secret.Value) error {
	head, err := json.Marshal(entry{item, item.Tags, len(value.Reveal())})
	if err != nil {
		return err
	}
	if _, err := w.Write(append(head, '\n')); err != nil {
		return err
	}
	_, err = w.Write(value.Reveal())
	return err
}

// maxEntry bounds a line: a ref, a version and tags, with room for escapes.
const maxEntry = 1 << 20

// readEntry returns io.EOF at the end. The caller wipes the value.
func readEntry(r *bufio.Reader) (Item, secret.Value, error) {
	if _, err := r.Peek(1); errors.Is(err, io.EOF) {
		return Item{}, secret.Value{}, io.EOF
	} else if err != nil {
		return Item{}, secret.Value{}, fmt.Errorf("read the bundle: %w", err)
	}
	line, err := readLine(r, maxEntry)
	if err != nil {
		return Item{}, secret.Value{}, err
	}
	var e entry
	if err := json.Unmarshal(line, &e); err != nil || e.Bytes < 0 || e.Bytes > contract.MaxValueBytes {
		return Item{}, secret.Value{}, &FormatError{"a secret in it cannot be read"}
	}
	e.Item.Tags = e.Tags
	value := make([]byte, e.Bytes)
	if _, err := io.ReadFull(r, value); err != nil {
		clear(value)
		return Item{}, secret.Value{}, &FormatError{"it ends within a secret"}
	}
	return e.Item, secret.NewValue(value), nil
}

// sealed is the first line inside: the manifest once more, which nobody can change
// there unnoticed.
func sealed(manifest []byte) []byte { return append(bytes.TrimSuffix(manifest, []byte{'\n'}), '\n') }
