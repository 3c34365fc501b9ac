package fakevault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

const (
	vaultResource = "https://vault.azure.net"
	tokenLife     = time.Hour
)

type claims struct {
	Audience      string `json:"aud"`
	Issuer        string `json:"iss"`
	Tenant        string `json:"tid"`
	ApplicationID string `json:"appid"`
	ObjectID      string `json:"oid"`
	NotBefore     int64  `json:"nbf"`
	Expires       int64  `json:"exp"`
}

func (s *Server) issuer() string { return "https://sts.windows.net/" + s.Tenant + "/" }

func (s *Server) mint(resource, application string) string {
	now := s.config.Now()
	text, _ := json.Marshal(claims{Audience: resource, Issuer: s.issuer(), Tenant: s.Tenant, ApplicationID: application, ObjectID: application,
		NotBefore: now.Unix(), Expires: now.Add(tokenLife).Unix()}) // of strings and numbers only
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(text)
	return body + "." + s.sign(body)
}

func (s *Server) sign(body string) string {
	mac := hmac.New(sha256.New, s.config.TokenKey)
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// claimed reads a token without checking it.
func claimed(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}

// accepts checks signature, audience, issuer and time of a token. It returns who
// calls, or with which of the service's messages the token is refused.
func (s *Server) accepts(token string) (caller, complaint string) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 || !hmac.Equal([]byte(token[i+1:]), []byte(s.sign(token[:i]))) {
		return "", "Error validating token: signature"
	}
	c, ok := claimed(token)
	now := s.config.Now().Unix()
	switch {
	case !ok:
		return "", "Error validating token: payload"
	case c.Audience != vaultResource:
		return "", "AKV10022: Invalid audience."
	case c.Issuer != s.issuer() || c.Tenant != s.Tenant:
		return "", "AKV10032: Invalid issuer."
	case now < c.NotBefore:
		return "", "Error validating token: not yet valid"
	case now >= c.Expires:
		return "", "Error validating token: expired"
	}
	return c.ApplicationID, ""
}

// TokenOf is a token for the vaults as an identity of the tenant would get it.
func (s *Server) TokenOf(clientID string) string { return s.mint(vaultResource, clientID) }

// CLIToken is a token as "az account get-access-token" would print it.
func (s *Server) CLIToken() string { return s.TokenOf(s.ClientID) }
