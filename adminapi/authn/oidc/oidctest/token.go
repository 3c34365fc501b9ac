package oidctest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Claims returns what a token says, unverified.
func Claims(token string) map[string]any {
	var claims map[string]any
	part := strings.Split(token, ".")[1]
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		panic(err)
	}
	return claims
}

// Access returns the claims of a good access token with some changed; nil takes one
// away.
func (p *Provider) Access(audience string, change map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": p.Issuer, "aud": []string{audience}, "sub": "subject-1", "preferred_username": "robot", "iat": now.Unix(), "nbf": now.Unix(),
		"exp": now.Add(time.Hour).Unix(), "roles": []string{"IdentityMesh.Operator"},
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// Mint signs claims with the provider's key.
func (p *Provider) Mint(claims map[string]any) string { return p.MintTyped(claims, "JWT") }

// MintTyped is [Provider.Mint] with another type in the header.
func (p *Provider) MintTyped(claims map[string]any, kind string) string {
	key, id := p.Key()
	return Sign(jose.ES256, key, id, claims, map[jose.HeaderKey]any{"typ": kind})
}

// Sign signs claims with any key.
func Sign(algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any, header map[jose.HeaderKey]any) string {
	header = maps.Clone(header)
	if header == nil {
		header = map[jose.HeaderKey]any{}
	}
	if id != "" {
		header["kid"] = id
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}
