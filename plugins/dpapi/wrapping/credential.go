package wrapping

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// CredentialName is what the unit's LoadCredential calls the credential; see
// systemd.exec(5).
const CredentialName = "identitymesh-host-key"

const (
	directoryVariable = "CREDENTIALS_DIRECTORY"
	// minCredential is as much as the key that is made from it.
	minCredential = keySize
	// maxCredential is the limit of systemd.
	maxCredential = 1 << 20
	saltSize      = 32
	label         = "identitymesh/plugins/dpapi/host-key/v1"
)

// credential derives keys from a file that the service manager decrypted for us,
// with a salt for each.
type credential struct{ path string }

func credentialIn(getenv func(string) string) string {
	folder := getenv(directoryVariable)
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, CredentialName)
}

func (credential) Kind() string { return KindCredential }

func (c credential) New() (key, salt []byte, err error) {
	salt = make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, nil, err
	}
	key, err = c.Recover(salt)
	return key, salt, err
}

func (c credential) Recover(salt []byte) ([]byte, error) {
	content, err := c.read()
	if err != nil {
		return nil, err
	}
	defer clear(content)
	return hkdf.Key(sha256.New, content, salt, label, keySize)
}

func (c credential) read() ([]byte, error) {
	if c.path == "" {
		return nil, fmt.Errorf("the service manager handed out no credentials (%s is not set): "+
			"add LoadCredentialEncrypted=%s to the unit, or name the file as credential:/path", directoryVariable, CredentialName)
	}
	f, err := os.Open(c.path)
	if err != nil {
		return nil, fmt.Errorf("open the credential: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("look at the credential: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the credential %s is not a regular file", c.path)
	// systemd gives the group of its file a right on behalf of an access list.
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("the credential %s is open to everybody (mode %04o); run: chmod o= %s", c.path, info.Mode().Perm(), c.path)
	case info.Size() < minCredential || info.Size() > maxCredential:
		return nil, fmt.Errorf("the credential %s has %d bytes; expected %d to %d random ones", c.path, info.Size(), minCredential, maxCredential)
	}
	content := make([]byte, info.Size())
	if _, err := io.ReadFull(f, content); err != nil {
		clear(content)
		return nil, fmt.Errorf("read the credential %s: %w", c.path, err)
	}
	return content, nil
}
