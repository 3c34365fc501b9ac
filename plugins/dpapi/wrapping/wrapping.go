// Package wrapping makes the key that encrypts the keyset of a host, so that the
// key file alone opens nothing: from a credential that the service manager hands
// out, or from the TPM of the machine.
//
// Reading and writing the key file is package keyfile's concern. Start reading at
// [Source], which is the seam, and [Parse], which chooses one.
package wrapping

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The kinds of sources, as they stand in the key file and in the setting.
const (
	KindCredential = "credential"
	KindTPM        = "tpm"
)

// keySize is that of AES-256.
const keySize = 32

// Source makes and recovers wrapping keys. Both calls may take seconds and are
// bounded. Errors name the file or the device and what to do; they never hold a
// part of a key. The caller wipes the keys.
type Source interface {
	// Kind is recorded in the key file, to be told from another source.
	Kind() string
	// New returns a fresh key and the record that [Source.Recover] needs to make
	// it again. The record is not secret.
	New() (key, record []byte, err error)
	// Recover returns the key that New returned with record.
	Recover(record []byte) (key []byte, err error)
}

// Parse returns the source that setting names, or nil when it is blank:
//
//	credential             identitymesh-host-key in $CREDENTIALS_DIRECTORY
//	credential:/some/file  that file
//	tpm                    /dev/tpmrm0
//	tpm:/dev/tpm0          that device, or the unix socket of an emulator
//
// It opens nothing. getenv is os.Getenv.
func Parse(setting string, getenv func(string) string) (Source, error) {
	kind, place, placed := strings.Cut(strings.TrimSpace(setting), ":")
	if placed && !filepath.IsAbs(place) {
		return nil, fmt.Errorf("after the colon expected an absolute path")
	}
	switch strings.ToLower(kind) {
	case "":
		return nil, nil
	case KindCredential:
		if !placed {
			place = credentialIn(getenv)
		}
		return credential{path: place}, nil
	case KindTPM:
		if !placed {
			place = defaultDevice
		}
		return tpm{device: place, limit: tpmLimit}, nil
	}
	return nil, fmt.Errorf("expected %s or %s, each alone or with a colon and a path behind it", KindCredential, KindTPM)
}
