//go:build unix

package protector

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

const keyFileName = "host.key"

// maxKeyFile is far more than a keyset of many keys needs.
const maxKeyFile = 1 << 20

// keyFile is the content of keys/host.key. Key and host id are one file, because
// one without the other would be of no use, and one file is created atomically.
type keyFile struct {
	Format int             `json:"format"`
	HostID string          `json:"hostId"`
	Keyset json.RawMessage `json:"keyset"` // Tink's JSON form, in the clear
}

// ForHost returns the protector of this host, whose key is the file
// keys/host.key in cfg.DataFolder. The first use creates it; processes that do
// so at the same time end up with the same key. Errors name the path and are
// [*KeyError].
func ForHost(cfg Config) (*Protector, error) {
	folder := filepath.Join(cfg.DataFolder, "keys")
	if err := ensureFolder(folder); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, keyFileName)
	content, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKey(path, cfg.Random); err == nil {
			content, err = readPrivate(path)
		}
	}
	if err != nil {
		return nil, err
	}
	defer clear(content)
	return fromKeyFile(path, content, cfg.HostName)
}

func fromKeyFile(path string, content []byte, hostName string) (*Protector, error) {
	broken := func(what string) error {
		// The underlying text is left out: it could repeat a part of the key.
		return &KeyError{Path: path, Problem: what + "; restore it from a backup", Damaged: true}
	}
	var file keyFile
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, broken("is not a key file")
	}
	defer clear(file.Keyset)
	if file.Format != 1 || file.HostID == "" {
		return nil, broken(fmt.Sprintf("has the unknown format %d or no host id", file.Format))
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Keyset)))
	if err != nil {
		return nil, broken("holds no usable keyset")
	}
	cipher, err := aead.New(handle)
	if err != nil {
		return nil, broken("holds keys of another purpose")
	}
	return &Protector{
		identity: Identity{
			Kind:     HostKey,
			KeyID:    strconv.FormatUint(uint64(handle.KeysetInfo().GetPrimaryKeyId()), 10),
			HostID:   file.HostID,
			HostName: hostName,
		},
		cipher: cipher,
	}, nil
}

// createKey makes the file whole or not at all, and never replaces one: a link
// to an existing name fails, in whichever process is second.
func createKey(path string, random io.Reader) error {
	content, err := newKey(random)
	if err != nil {
		return &KeyError{Path: path, Problem: "cannot be made", Err: err}
	}
	defer clear(content)
	temp, err := writeTemp(filepath.Dir(path), content)
	if err != nil {
		return &KeyError{Path: path, Problem: "cannot be written", Err: err}
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return &KeyError{Path: path, Problem: "cannot be put in place", Err: err}
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return &KeyError{Path: path, Problem: "cannot be made durable", Err: err}
	}
	return nil
}

func newKey(random io.Reader) ([]byte, error) {
	id := make([]byte, 16)
	if _, err := io.ReadFull(random, id); err != nil {
		return nil, err
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	var clearKeys bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&clearKeys)); err != nil {
		return nil, err
	}
	defer clear(clearKeys.Bytes())
	return json.Marshal(keyFile{Format: 1, HostID: hex.EncodeToString(id), Keyset: clearKeys.Bytes()})
}

// writeTemp writes a new file, 0600 and flushed to the disk.
func writeTemp(folder string, content []byte) (path string, err error) {
	f, err := os.CreateTemp(folder, keyFileName+".*.tmp") // O_EXCL, 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
