package fakevault

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// proofs are the ways to sign in besides a client secret and the identity that
// every server has. They are read and written with the server's lock held.
type proofs struct {
	// certificates by the application they belong to.
	certificates map[string]*x509.Certificate
	// assigned are the client ids of user-assigned managed identities.
	assigned []string
}

// IssueCertificate makes a certificate that the application may sign in with, and
// returns it with its private key as two PEM blocks.
func (s *Server) IssueCertificate(clientID string) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: clientID},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proofs.certificates == nil {
		s.proofs.certificates = map[string]*x509.Certificate{}
	}
	s.proofs.certificates[clientID] = certificate
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// AssignIdentity gives the host a user-assigned managed identity, of an
// application that [Server.Register] returned.
func (s *Server) AssignIdentity(clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proofs.assigned = append(s.proofs.assigned, clientID)
}

// identityOf says which managed identity a request with this client id gets,
// empty when the host has no such.
func (s *Server) identityOf(clientID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case clientID == "" || clientID == s.ManagedClientID:
		return s.ManagedClientID
	case slices.Contains(s.proofs.assigned, clientID):
		return clientID
	}
	return ""
}

// proves checks the assertion of a certificate: a JWT signed with PS256 that
// names the certificate by its SHA-256, us as its audience, and the application.
func (s *Server) proves(clientID, assertion, audience string) bool {
	s.mu.Lock()
	certificate := s.proofs.certificates[clientID]
	s.mu.Unlock()
	parts := strings.Split(assertion, ".")
	if certificate == nil || len(parts) != 3 {
		return false
	}
	var header struct {
		Algorithm string `json:"alg"`
		Thumb     string `json:"x5t#S256"`
	}
	var c struct {
		Audience  string `json:"aud"`
		Issuer    string `json:"iss"`
		Subject   string `json:"sub"`
		NotBefore int64  `json:"nbf"`
		Expires   int64  `json:"exp"`
	}
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(head, &header) != nil {
		return false
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &c) != nil {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	sum, thumb := sha256.Sum256([]byte(parts[0]+"."+parts[1])), sha256.Sum256(certificate.Raw)
	key, _ := certificate.PublicKey.(*rsa.PublicKey)
	now := s.config.Now().Unix()
	return header.Algorithm == "PS256" && header.Thumb == base64.StdEncoding.EncodeToString(thumb[:]) &&
		c.Audience == audience && c.Issuer == clientID && c.Subject == clientID && c.NotBefore <= now+1 && now < c.Expires &&
		rsa.VerifyPSS(key, crypto.SHA256, sum[:], signature, nil) == nil
}

// ArcKeyFile is where the agent of Azure Arc puts the key that a client must be
// able to read; a test puts [Server.ArcKey] there.
const ArcKeyFile = "/var/opt/azcmagent/tokens/fakevault.key"

// ArcKey is what ArcKeyFile must hold.
func (s *Server) ArcKey() string { return s.sign("arc") }

// ArcEndpoint is what the agent of Azure Arc sets IDENTITY_ENDPOINT to.
func (s *Server) ArcEndpoint() string {
	return "http://" + path.Join(s.plain.Addr().String(), "arc/metadata/identity/oauth2/token")
}

// arcChallenge answers a request of Azure Arc that lacks the key. It reports
// whether it did.
func (s *Server) arcChallenge(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Metadata") == "true" && r.Header.Get("Authorization") == "Basic "+s.ArcKey() {
		return false
	}
	w.Header().Set("WWW-Authenticate", "Basic realm="+ArcKeyFile)
	writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "unauthorized_client"})
	return true
}
