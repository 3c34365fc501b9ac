package install_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
)

// certificate makes a certificate that may sign code, and its key, in the folder,
// and returns the hook that signs with them.
func certificate(folder string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "IdentityMesh tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	certs, keys := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	return "osslsigncode sign -h sha256 -certs " + certs + " -key " + keys + " -n IdentityMesh -in {in} -out {out}", errors.Join(
		os.WriteFile(certs, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(keys, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// verify asks whether the signature of a file is the one of the certificate in the
// packages' folder.
func verify(t *testing.T, file string) error {
	t.Helper()
	_, err := command.Run(t.Context(), command.Spec{Args: []string{
		"osslsigncode", "verify", "-CAfile", filepath.Join(made.dir, "cert.pem"), "-in", file,
	}})
	return err
}

func TestWhatWasSignedShowsEachChange(t *testing.T) {
	need(t, "osslsigncode", "wixl", "msibuild")
	dir := unpacked(t, "windows")
	packages := packagesOf(t, newer, "windows")
	for name, file := range map[string]string{
		"a program":                 filepath.Join(dir, "identitymesh-engine.exe"),
		"a plugin":                  filepath.Join(dir, "identitymesh-plugin-keyvault.exe"),
		"the installer":             filepath.Join(packages, "identitymesh_"+newer+"_windows_amd64.msi"),
		"the installer of a plugin": filepath.Join(packages, "identitymesh-plugin-keyvault_"+ownVersion+"_windows_amd64.msi"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := verify(t, file); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			changed := filepath.Join(t.TempDir(), filepath.Base(file))
			if err := os.WriteFile(changed, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := verify(t, changed); err == nil {
				t.Error("a changed file passes")
			}
		})
	}
	unsigned := filepath.Join(packagesOf(t, older, "windows"), "identitymesh_"+older+"_windows_amd64.msi")
	if err := verify(t, unsigned); err == nil {
		t.Error("an installer without a signature passes")
	}
}
