// Package authz says what a signed-in operator may do: roles, the named
// permissions that they stand for, and the principal that a request is made as.
//
// How somebody signs in is package authn's concern, and which permission an
// operation needs stands beside the operation in package api. Start reading at
// [Principal] and [Permissions].
package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Permission is a named right. What is read and what is changed are rights of
// their own, so that nobody needs more than he does.
type Permission string

// The permissions.
const (
	ConnectorsRead  Permission = "connectors.read"
	ConnectorsWrite Permission = "connectors.write"
	ConnectorsTest  Permission = "connectors.test"
	SchedulesWrite  Permission = "schedules.write"
	RunsRead        Permission = "runs.read"
	RunsStart       Permission = "runs.start"
	RunsCancel      Permission = "runs.cancel"
	ObjectsRead     Permission = "objects.read"
	SecretsRead     Permission = "secrets.read"
	SecretsWrite    Permission = "secrets.write"
	SecretsDelete   Permission = "secrets.delete"
	SecretsPurge    Permission = "secrets.purge"
	StatusRead      Permission = "status.read"
	ProviderReload  Permission = "provider.reload"
	SettingsRead    Permission = "settings.read"
	SettingsWrite   Permission = "settings.write"
	AuditRead       Permission = "audit.read"
	TokensRead      Permission = "tokens.read"
	TokensWrite     Permission = "tokens.write"
	SessionsWrite   Permission = "sessions.write"
	// SignedIn is what everybody has who signed in: to see who he is, and to leave.
	SignedIn Permission = "session"
)

// Role is a set of permissions with a name.
type Role string

// The roles, from the weakest to the strongest; each has the permissions of those
// before it.
const (
	// Viewer sees everything that is no credential, and changes nothing.
	Viewer Role = "Viewer"
	// Operator does the everyday work: runs, schedules, rotation of secrets.
	Operator Role = "Operator"
	// Admin does everything.
	Admin Role = "Admin"
)

// Roles returns all roles, the weakest first.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// added returns what a role has beyond the one before it.
func added(r Role) []Permission {
	switch r {
	case Viewer:
		return []Permission{SignedIn, ConnectorsRead, RunsRead, ObjectsRead, SecretsRead, StatusRead, AuditRead}
	case Operator:
		return []Permission{ConnectorsTest, SchedulesWrite, RunsStart, RunsCancel, SecretsWrite, ProviderReload, SettingsRead}
	case Admin:
		return []Permission{ConnectorsWrite, SettingsWrite, SecretsDelete, SecretsPurge, TokensRead, TokensWrite, SessionsWrite}
	}
	return nil
}

// Permissions returns what a role may do, sorted; nothing for an unknown role.
func Permissions(of Role) []Permission {
	end := slices.Index(Roles(), of)
	var all []Permission
	for _, r := range Roles()[:end+1] {
		all = append(all, added(r)...)
	}
	slices.Sort(all)
	return all
}

// Narrow returns those of the named permissions that the role has, sorted, and
// what everybody has who signed in.
func Narrow(r Role, named []string) []Permission {
	return slices.DeleteFunc(Permissions(r), func(p Permission) bool { return p != SignedIn && !slices.Contains(named, string(p)) })
}

// ParseRole returns the role of that name, in whatever case.
func ParseRole(name string) (Role, error) {
	for _, r := range Roles() {
		if strings.EqualFold(name, string(r)) {
			return r, nil
		}
	}
	return "", fmt.Errorf("expected one of %v, found %q", Roles(), name)
}

// Stronger returns the stronger of two roles; the empty one is the weakest.
func Stronger(a, b Role) Role {
	if slices.Index(Roles(), b) > slices.Index(Roles(), a) {
		return b
	}
	return a
}

// Kind is what a principal is.
type Kind string

// The kinds.
const (
	// Token is a program, or whoever holds the token.
	Token Kind = "token"
	// User is a person whom another system vouched for.
	User Kind = "user"
)

// Principal is who makes a request. It does not change and may be copied.
type Principal struct {
	Kind Kind
	// Name is the token's, or the user's as the system that vouched for him writes
	// it. Names of different kinds are different people.
	Name string
	Role Role
	// Permissions are what he may do: those of the role, or fewer where a token was
	// given fewer. Sorted.
	Permissions []Permission
}

// May reports whether the principal has a permission.
func (p Principal) May(do Permission) bool {
	_, found := slices.BinarySearch(p.Permissions, do)
	return found
}

// String names the principal as the audit log does: "token administrator".
func (p Principal) String() string { return string(p.Kind) + " " + p.Name }

type principalKey struct{}

// With returns the context of a request that p makes.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns who makes the request. Outside of a signed-in request it is the
// zero principal, which may do nothing.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
