package report

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// KeyFile is the name of the private key in the data folder.
const KeyFile = "migration-report.key"

// payloadType names what is signed; see the DSSE specification,
// https://github.com/secure-systems-lab/dsse.
const payloadType = "application/vnd.identitymesh.migration-report+json"

// Signed is a signed report: an envelope as DSSE defines it, so that other tools can
// check it too, with the public key beside it.
type Signed struct {
	PayloadType string `json:"payloadType"`
	// Payload is the report as JSON.
	Payload    []byte      `json:"payload"`
	Signatures []Signature `json:"signatures"`
	// PublicKey is the ed25519 key in PKIX form. Whoever checks the signature must
	// know from elsewhere that it is the right one: by its id in the audit log.
	PublicKey []byte `json:"publicKey"`
}

// Signature is one signature of an envelope.
type Signature struct {
	// KeyID is the SHA-256 of the public key.
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// Identity is what the audit log keeps of a signed report.
type Identity struct {
	// Sha256 of the payload, and KeyID of the key that signed it, both in hexadecimal
	// digits.
	Sha256 string `json:"sha256"`
	KeyID  string `json:"keyId"`
}

// Key returns the key of this installation, which it makes when there is none.
func Key(dataFolder string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dataFolder, KeyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make the key that signs reports: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key that signs reports: %w", err)
	}
	defer clear(text)
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not a private key; restore it, or move it away for a new one", path)
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s is not an ed25519 key; restore it, or move it away for a new one", path)
	}
	return key, nil
}

func makeKey(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(raw)
	return wholefile.Create(path, 0o600, func(w io.Writer) error {
		return pem.Encode(w, &pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	})
}

// Sign signs the report.
func Sign(r Report, key ed25519.PrivateKey) (Signed, Identity, error) {
	s := Signed{PayloadType: payloadType}
	var err error
	if s.Payload, err = json.Marshal(r); err != nil {
		return s, Identity{}, err
	}
	if s.PublicKey, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return s, Identity{}, err
	}
	s.Signatures = []Signature{{KeyID: digest(s.PublicKey), Sig: ed25519.Sign(key, authenticated(s.PayloadType, s.Payload))}}
	return s, s.identity(), nil
}

func (s Signed) identity() Identity { return Identity{digest(s.Payload), digest(s.PublicKey)} }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// authenticated is what DSSE signs in the place of the payload.
func authenticated(kind string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
}

// ErrForged is a signed report that was changed, or that was never signed so.
var ErrForged = errors.New("this is not a report as it was signed")

// Open checks the signature and returns what was signed and who it is: the caller
// finds the identity in the audit log, without which anybody may have signed.
func Open(text []byte) (Report, Identity, error) {
	var s Signed
	var r Report
	if err := json.Unmarshal(text, &s); err != nil {
		return r, Identity{}, fmt.Errorf("%w: it is not a signed report: %w", ErrForged, err)
	}
	parsed, err := x509.ParsePKIXPublicKey(s.PublicKey)
	key, ok := parsed.(ed25519.PublicKey)
	switch {
	case err != nil || !ok:
		return r, Identity{}, fmt.Errorf("%w: it has no ed25519 key", ErrForged)
	case s.PayloadType != payloadType || len(s.Signatures) != 1 || s.Signatures[0].KeyID != s.identity().KeyID:
		return r, Identity{}, fmt.Errorf("%w: its envelope is another one", ErrForged)
	case !ed25519.Verify(key, authenticated(s.PayloadType, s.Payload), s.Signatures[0].Sig):
		return r, Identity{}, fmt.Errorf("%w: the signature does not fit", ErrForged)
	}
	d := json.NewDecoder(bytes.NewReader(s.Payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || r.Format != Format {
		return r, Identity{}, fmt.Errorf("%w: what was signed is no report that this program knows", ErrForged)
	}
	return r, s.identity(), nil
}
