package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	// Prefix begins every token, so that scanners for leaked credentials and
	// people recognise one.
	Prefix = "imat_"

	randomBytes = 32
	// hintLength is how many characters behind the prefix are kept for people.
	hintLength = 4
)

// Finder looks tokens up and notes their use.
type Finder interface {
	FindToken(ctx context.Context, hash store.TokenHash) (store.AdminToken, error)
	UseToken(ctx context.Context, id string, at time.Time) error
}

// Keeper keeps the hashes of tokens.
type Keeper interface {
	AddToken(ctx context.Context, t store.AdminToken, hash store.TokenHash) (store.AdminToken, error)
	ListTokens(ctx context.Context) ([]store.AdminToken, error)
	DeleteToken(ctx context.Context, id string) error
	CountTokens(ctx context.Context) (int64, error)
}

// Store keeps tokens.
type Store interface {
	Finder
	Keeper
}

// Tokens makes, ends and knows API tokens, and is the [Way] that takes one as the
// bearer token of a request. It is safe for concurrent use.
type Tokens struct {
	TokensConfig
	known *recent[*knownToken]
	notes notes
}

// TokensConfig of [Tokens].
type TokensConfig struct {
	Store Store
	// Folder in which the file of the first token is written; created, for its owner
	// only.
	Folder string
	// Random is where tokens come from; nil means crypto/rand.
	Random io.Reader
	Logger *slog.Logger
	Now    func() time.Time
}

type knownToken struct {
	store.AdminToken
	used *seen
}

// NewTokens returns the tokens in a store.
func NewTokens(c TokensConfig) *Tokens {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return &Tokens{TokensConfig: c, known: newRecent[*knownToken](c.Now), notes: notes{logger: c.Logger}}
}

// Close waits until every use is noted.
func (t *Tokens) Close() { t.notes.pending.Wait() }

// Create makes a token and returns it, which is the only time that anybody sees
// it. Name, Role, Permissions, Expires and CreatedBy are those of want. Whether who
// asks may make it is for the caller to decide. [store.ErrNameTaken].
func (t *Tokens) Create(ctx context.Context, want store.AdminToken) (store.AdminToken, string, error) {
	text, err := t.random()
	if err != nil {
		return store.AdminToken{}, "", err
	}
	want.Hint = hint(text)
	made, err := t.Store.AddToken(ctx, want, hash(text))
	return made, text, err
}

// CheckName says what is wrong with the name of a token that is to be made.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > store.MaxNameBytes:
		return fmt.Errorf("the name must have 1 to %d bytes", store.MaxNameBytes)
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the name must not have control characters, such as ends of lines")
	case strings.EqualFold(name, Name):
		return fmt.Errorf("%s is the token that the product makes by itself; take another name", Name)
	}
	return nil
}

// List returns all tokens by name.
func (t *Tokens) List(ctx context.Context) ([]store.AdminToken, error) {
	return t.Store.ListTokens(ctx)
}

// Delete makes a token worth nothing, at once in this process and after two seconds
// in others. Sessions that it began end too; see [Sessions.Forget].
// [store.ErrNotFound].
func (t *Tokens) Delete(ctx context.Context, id string) error {
	defer t.known.forget()
	return t.Store.DeleteToken(ctx, id)
}

// Prove returns the token of that text. A [Refused] says why it signs in nobody.
func (t *Tokens) Prove(ctx context.Context, text string) (store.AdminToken, error) {
	if !strings.HasPrefix(text, Prefix) {
		return store.AdminToken{}, Refused("this is no token of this product; those begin with " + Prefix)
	}
	hash := hash(text)
	found, err := t.known.get(hash, func() (*knownToken, error) {
		found, err := t.Store.FindToken(ctx, hash)
		return &knownToken{found, seenAt(found.LastUsed)}, err
	})
	if errors.Is(err, store.ErrNotFound) {
		return store.AdminToken{}, Refused("the token is not valid, or was deleted or replaced")
	}
	if err != nil {
		return store.AdminToken{}, err
	}
	now := t.Now()
	if expired(found.AdminToken, now) {
		return store.AdminToken{}, Refused(fmt.Sprintf("the token expired at %s", found.Expires.UTC().Format(time.RFC3339)))
	}
	if found.used.again(now, seenPeriod) {
		t.notes.write("token "+found.Name, func(ctx context.Context) error { return t.Store.UseToken(ctx, found.ID, now) })
	}
	return found.AdminToken, nil
}

func expired(t store.AdminToken, now time.Time) bool {
	return !t.Expires.IsZero() && !now.Before(t.Expires)
}

// PrincipalOf returns who a token stands for.
func PrincipalOf(t store.AdminToken) authz.Principal {
	p := authz.Principal{Kind: authz.Token, Name: t.Name, Role: authz.Role(t.Role)}
	p.Permissions = authz.Permissions(p.Role)
	if len(t.Permissions) > 0 {
		p.Permissions = authz.Narrow(p.Role, t.Permissions)
	}
	return p
}

// Takes implements [Way].
func (t *Tokens) Takes(r *http.Request) bool { return strings.HasPrefix(bearerOf(r), Prefix) }

// SignIn looks the token up by its hash, so that how long that takes says nothing
// about the token.
func (t *Tokens) SignIn(r *http.Request) (authz.Principal, error) {
	found, err := t.Prove(r.Context(), bearerOf(r))
	if err != nil {
		return authz.Principal{}, err
	}
	return PrincipalOf(found), nil
}

// Challenge implements [Way].
func (*Tokens) Challenge() string { return `Bearer realm="IdentityMesh"` }

// bearerOf returns the request's bearer token, empty for none.
func bearerOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (t *Tokens) random() (string, error) {
	bytes := make([]byte, randomBytes)
	if _, err := io.ReadFull(t.Random, bytes); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return Prefix + base64.RawURLEncoding.EncodeToString(bytes), nil
}

func hint(text string) string { return text[len(Prefix):][:hintLength] }

func hash(text string) store.TokenHash { return sha256.Sum256([]byte(text)) }

// RoleOf returns the role of a token that is to have these permissions: the one of
// that name, or without a name the weakest with all of them. The error says which
// ones it lacks. Without either the role is empty.
func RoleOf(name string, permissions []string) (authz.Role, error) {
	roles := authz.Roles()
	if name != "" {
		role, err := authz.ParseRole(name)
		if err != nil {
			return "", err
		}
		roles = []authz.Role{role}
	} else if len(permissions) == 0 {
		return "", nil
	}
	var missing []string
	for _, role := range roles {
		missing = slices.DeleteFunc(slices.Clone(permissions), func(p string) bool {
			return slices.Contains(authz.Permissions(role), authz.Permission(p))
		})
		if len(missing) == 0 {
			return role, nil
		}
	}
	return "", fmt.Errorf("the role %s has no permission %s; see GET /api/roles", roles[len(roles)-1], strings.Join(missing, ", "))
}
