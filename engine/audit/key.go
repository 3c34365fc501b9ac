package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// Key signs checkpoints.
type Key struct{ private ed25519.PrivateKey }

// KeyFile is where the key is within the data folder: Ed25519 as PKCS #8 in PEM.
const KeyFile = "audit-key.pem"

// OpenKey reads the key in the data folder, and makes one when there is none and make
// says so. Without one the error is [fs.ErrNotExist].
func OpenKey(dataFolder string, make bool) (*Key, error) {
	path := filepath.Join(dataFolder, KeyFile)
	if make {
		err := wholefile.Create(path, 0o600, writeKey)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make the key that signs what is removed from the audit log: %w", err)
		}
	}
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("read the key that signs what is removed from the audit log: %w", err)
	}
	block, _ := pem.Decode(text)
	if block != nil {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if private, ok := key.(ed25519.PrivateKey); err == nil && ok {
			return &Key{private}, nil
		}
	}
	return nil, fmt.Errorf("%s is no Ed25519 key as PKCS #8 in PEM", path)
}

func writeKey(w io.Writer) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return pem.Encode(w, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// readPrivate reads a small file that nobody else may open.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := onlyOwner(info); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s is far too long for a key", path)
	}
	return text, err
}

// Public returns the public key in hexadecimal digits, as [Log.Trust] takes it.
func (k *Key) Public() string { return hex.EncodeToString(k.private.Public().(ed25519.PublicKey)) }

func (k *Key) sign(c *Checkpoint) {
	c.Signer = k.Public()
	c.Signature = hex.EncodeToString(ed25519.Sign(k.private, c.form()))
}
