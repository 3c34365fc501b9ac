package credential

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// checkCertificate reads the service principal's certificate as the identity
// library will. The chain passes over a file that cannot be read.
func (e *examination) checkCertificate() {
	content, err := os.ReadFile(os.Getenv(varCertificate))
	if err != nil {
		e.errorf("the file that the environment variable %s names cannot be read: %v", varCertificate, withoutPath(err))
		return
	}
	certificates, key, err := azidentity.ParseCertificates(content, []byte(os.Getenv(varPassphrase)))
	if err != nil {
		e.errorf("the file that the environment variable %s names cannot be used (%v): expected a certificate and its RSA private key, "+
			"as PEM without a password, or as PKCS #12 with 3DES and SHA-1 whose password is in %s", varCertificate, err, varPassphrase)
		return
	}
	private, _ := key.(*rsa.PrivateKey)
	ours := slices.IndexFunc(certificates, func(c *x509.Certificate) bool { return private != nil && private.PublicKey.Equal(c.PublicKey) })
	switch {
	case ours < 0:
		e.errorf("the file that the environment variable %s names holds no RSA private key of a certificate in it", varCertificate)
	case time.Now().After(certificates[ours].NotAfter):
		e.warnf("the certificate in the file that the environment variable %s names expired on %s",
			varCertificate, certificates[ours].NotAfter.Format(time.DateOnly))
	}
}

// withoutPath drops from an error of a file what the variable holds.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
