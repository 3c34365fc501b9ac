package credential

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// claims are the ids of a token. They only inform: the vault checks the token,
// we do not.
type claims struct {
	ApplicationID string `json:"appid"`
	AuthorizedBy  string `json:"azp"`
	ObjectID      string `json:"oid"`
	TenantID      string `json:"tid"`
}

// claimsOf reads a token's payload. Tokens are opaque to clients by contract, so
// one that cannot be read is no error.
func claimsOf(token string) claims {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return claims{}
	}
	if c.ApplicationID == "" {
		c.ApplicationID = c.AuthorizedBy
	}
	return c
}

func (c claims) String() string {
	var parts []string
	for _, id := range []struct{ label, value string }{
		{"application", c.ApplicationID}, {"object", c.ObjectID}, {"tenant", c.TenantID},
	} {
		if id.value != "" && len(id.value) <= 64 {
			parts = append(parts, id.label+" "+id.value)
		}
	}
	return strings.Join(parts, ", ")
}
