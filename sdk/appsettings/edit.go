package appsettings

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tailscale/hujson"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// ErrChanged: somebody wrote the settings file after it was read.
var ErrChanged = errors.New("the file was changed after it was read")

// edit changes a settings file as a whole, so that a reader sees either the old
// or the new content. Comments and layout, owner and mode stay. With sum, the
// SHA-256 that it had when it was read, a file that changed since is left alone.
// change also gets the content as it is.
func edit(file string, sum []byte, change func(root *hujson.Value, before []byte) error) error {
	data, err := readFile(file)
	if err != nil {
		return err
	}
	if sum != nil && !bytes.Equal(digest(data), sum) {
		return fmt.Errorf("%s: %w", file, ErrChanged)
	}
	body := bytes.TrimPrefix(data, byteOrderMark)
	root, err := hujson.Parse(body)
	if err != nil {
		return fmt.Errorf("%s changed meanwhile and is not valid JSON%s", file, position(err))
	}
	if err := change(&root, data); err != nil {
		return err
	}
	return wholefile.Amend(file, func(w io.Writer) error {
		_, err := w.Write(append(data[:len(data)-len(body):len(data)-len(body)], root.Pack()...))
		return err
	})
}

func digest(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

// memberOf returns the value of an object's member, whatever its case.
func memberOf(v *hujson.Value, name string) *hujson.Value {
	object, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	for i := range object.Members {
		m := &object.Members[i]
		if fold(decode(m.Name.Value.(hujson.Literal))) == fold(name) {
			return &m.Value
		}
	}
	return nil
}

// put sets a member to a text; see putValue.
func put(v *hujson.Value, name, text string) { putValue(v, name, hujson.String(text)) }

// putValue sets a member. A new one stands last and is laid out as the one before
// it.
func putValue(v *hujson.Value, name string, value hujson.ValueTrimmed) {
	if m := memberOf(v, name); m != nil {
		m.Value = value
		return
	}
	object := v.Value.(*hujson.Object)
	m := hujson.ObjectMember{
		Name:  hujson.Value{Value: hujson.String(name)},
		Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: value},
	}
	if n := len(object.Members); n > 0 {
		last := &object.Members[n-1]
		// A comment behind the last value stays on its line, and so does a comma.
		end := indent(object.AfterExtra)
		comment := object.AfterExtra[:len(object.AfterExtra)-len(end)]
		m.Name.BeforeExtra = slices.Concat(comment, indent(last.Name.BeforeExtra))
		object.AfterExtra, m.Value.AfterExtra = end, last.Value.AfterExtra
	}
	object.Members = append(object.Members, m)
}

// indent is the white space at the end of extra, from its last line break on.
func indent(extra hujson.Extra) hujson.Extra {
	if i := bytes.LastIndexByte(extra, '\n'); i >= 0 && len(bytes.TrimSpace(extra[i:])) == 0 {
		if i > 0 && extra[i-1] == '\r' {
			i--
		}
		return extra[i:]
	}
	return nil
}
