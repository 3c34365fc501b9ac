package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// ticket is what a browser brings back from the provider, so that an answer counts
// only in the browser that asked. It travels sealed in a cookie: nothing of it is
// kept here that strangers could fill up.
type ticket struct {
	State, Nonce, Verifier string
	// Return is where to go in the UI.
	Return  string
	Expires time.Time
}

// ticketLife is how long somebody may take to sign in at the provider.
const ticketLife = 10 * time.Minute

// seal seals tickets with a key of this process.
type seal struct{ aead cipher.AEAD }

func newSeal() (seal, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return seal{aead}, err
}

func (s seal) close(t ticket) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, []byte(Way))), nil
}

var errTicket = errors.New("the ticket is none of this process")

func (s seal) open(sealed string) (ticket, error) {
	var t ticket
	box, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return t, errTicket
	}
	text, err := s.aead.Open(nil, nil, box, []byte(Way))
	if err != nil {
		return t, errTicket
	}
	return t, json.Unmarshal(text, &t)
}

// cookie returns the ticket's cookie. It is Lax, because the way back from the
// provider begins at another site; a session's cookie is not.
func (s *SignIn) cookie(value string, life time.Duration) *http.Cookie {
	name := "im-oidc"
	if s.Secure {
		name = "__Host-im-oidc"
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), Secure: s.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
