package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// askAgainAfter is how soon the keys are asked for again because a token names one
// that is not among them: strangers can make up as many as they like.
const askAgainAfter = 10 * time.Second

// errAway is that nobody can say whether a token is good, because the provider cannot
// be asked for its keys. Why is in the log.
var errAway = errors.New("the OpenID Connect provider cannot be asked for its keys")

// awayKey is of the place in a context where a [keySet] leaves that: the library
// makes text of its errors.
type awayKey struct{}

// verified returns the token. The error is an [authn.Refused] or errAway.
func verified(ctx context.Context, v *coreos.IDTokenVerifier, raw string) (*coreos.IDToken, error) {
	var away error
	token, err := v.Verify(context.WithValue(ctx, awayKey{}, &away), raw)
	switch {
	case away != nil:
		return nil, errAway
	case err != nil:
		return nil, refusedToken(err)
	}
	return token, nil
}

// errUnknownKey is a token that none of the provider's keys signed.
var errUnknownKey = errors.New("it was not signed with a key of the provider")

// keySet has the keys with which the provider signs. The library's own asks again
// for every unknown key, and keeps keys that the provider took back.
type keySet struct {
	client *http.Client
	url    string
	now    func() time.Time
	logger *slog.Logger

	asking sync.Mutex // held while the provider is asked
	asked  time.Time
	failed error // how that went

	mu   sync.RWMutex
	keys []jose.JSONWebKey
}

// VerifySignature implements the library's KeySet. The algorithm was checked before.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	var allowed []jose.SignatureAlgorithm
	for _, a := range algorithms() {
		allowed = append(allowed, jose.SignatureAlgorithm(a))
	}
	signed, err := jose.ParseSigned(token, allowed)
	if err != nil {
		return nil, err
	}
	if len(signed.Signatures) != 1 {
		return nil, errUnknownKey
	}
	header := signed.Signatures[0].Protected
	if payload := k.verify(signed, header); payload != nil {
		return payload, nil
	}
	if !k.has(header.KeyID) {
		if err := k.askAgain(ctx); err != nil {
			if away, ok := ctx.Value(awayKey{}).(*error); ok {
				*away = err
			}
			return nil, err
		}
		if payload := k.verify(signed, header); payload != nil {
			return payload, nil
		}
	}
	return nil, errUnknownKey
}

// verify tries the keys that the header fits; nil when none signed.
func (k *keySet) verify(signed *jose.JSONWebSignature, header jose.Header) []byte {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, key := range k.keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload
		}
	}
	return nil
}

func (k *keySet) has(id string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, key := range k.keys {
		if key.KeyID == id && id != "" {
			return true
		}
	}
	return false
}

// askAgain asks unless somebody did a moment ago.
func (k *keySet) askAgain(ctx context.Context) error {
	k.asking.Lock()
	defer k.asking.Unlock()
	if k.now().Sub(k.asked) < askAgainAfter {
		return k.failed
	}
	err := k.get(ctx)
	if err != nil {
		k.logger.ErrorContext(ctx, "a token is signed with a key that is not known, and the OpenID Connect provider cannot be asked for its keys", telemetry.KeyError, err)
	}
	return err
}

// ask asks the provider for its keys.
func (k *keySet) ask(ctx context.Context) error {
	k.asking.Lock()
	defer k.asking.Unlock()
	return k.get(ctx)
}

func (k *keySet) get(ctx context.Context) (err error) {
	// The pause begins with the answer: who waited for a slow one has had it too, and
	// must not wait for others one after the other.
	defer func() { k.asked, k.failed = k.now(), err }()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	// A client that leaves must not keep the others from the new keys.
	if err := getJSON(context.WithoutCancel(ctx), k.client, k.url, &set); err != nil {
		return err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		// Keys of other kinds, and those that encrypt, are none of our concern.
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return errors.New(k.url + " has no key that signs")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
	return nil
}
