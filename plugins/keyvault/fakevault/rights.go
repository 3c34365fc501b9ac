package fakevault

import (
	"fmt"
	"net/http"
	"slices"
)

// Right is one permission on the secrets of a vault, named as in access policies.
type Right string

// The rights. Purging has one of its own, which not everyone who may delete has.
const (
	Get     Right = "get"
	List    Right = "list"
	Set     Right = "set"
	Delete  Right = "delete"
	Recover Right = "recover"
	Purge   Right = "purge"
)

// User is what the role Key Vault Secrets User may do.
func User() []Right { return []Right{Get, List} }

// Officer is what the role Key Vault Secrets Officer may do.
func Officer() []Right { return []Right{Get, List, Set, Delete, Recover, Purge} }

// action is the right's name in roles, below Microsoft.KeyVault/vaults/secrets.
func (r Right) action() string {
	switch r {
	case Get:
		return "getSecret/action"
	case List:
		return "readMetadata/action"
	case Set:
		return "setSecret/action"
	case Delete:
		return "delete"
	}
	return string(r) + "/action"
}

// principal is an identity of the tenant.
type principal struct {
	secret string // empty for a managed identity
	rights []Right
}

// Register adds a service principal with these rights and returns what it signs
// in with.
func (s *Server) Register(rights ...Right) (clientID, clientSecret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clientID, clientSecret = uuid(), randomHex(20)
	s.principals[clientID] = &principal{clientSecret, slices.Clone(rights)}
	return clientID, clientSecret
}

// Grant replaces the rights of an identity, effective at once; the service takes
// minutes. Without rights, everything is refused.
func (s *Server) Grant(clientID string, rights ...Right) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.principals[clientID]; p != nil {
		p.rights = slices.Clone(rights)
	}
}

// forbidden refuses a caller by the vault's network rules or by the caller's
// rights, with the inner codes that threads about such refusals show. The lock is
// held.
func (s *Server) forbidden(host, caller string, right Right) *refusal {
	who := fmt.Sprintf("appid=%s;oid=%s;iss=%s", caller, caller, s.issuer())
	refuse := func(inner, message string) *refusal {
		return &refusal{status: http.StatusForbidden, code: "Forbidden", inner: inner, message: message + "\r\nCaller: " + who + "\r\nVault: " + host}
	}
	switch s.rules.Network {
	case Firewall:
		return refuse(Firewall, "Client address is not authorized and caller is not a trusted service.")
	case PrivateOnly:
		return refuse(PrivateOnly, "Public network access is disabled and request is not from a trusted service nor via an approved private link.")
	}
	if p := s.principals[caller]; p != nil && slices.Contains(p.rights, right) {
		return nil
	}
	if s.rules.AccessPolicies {
		return refuse("ForbiddenByPolicy", "The application does not have secrets "+string(right)+" permission on the key vault.")
	}
	return refuse("ForbiddenByRbac", "Caller is not authorized to perform action on resource. "+
		"Changes of role assignments take time to propagate.\r\nAction: 'Microsoft.KeyVault/vaults/secrets/"+right.action()+"'")
}
