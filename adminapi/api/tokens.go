package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// TokenInput is what a new token is to be.
type TokenInput struct {
	Name        string    `json:"name" doc:"1 to 200 bytes, unique without regard to case; the audit log names it." example:"nightly report"`
	Role        string    `json:"role,omitempty" enum:"Viewer,Operator,Admin" doc:"What the token may do; the weakest role with all permissions when left out."`
	Permissions []string  `json:"permissions,omitempty" doc:"Only these of the role's permissions; all of them when left out." example:"[\"runs.read\",\"runs.start\"]"`
	Expires     time.Time `json:"expires,omitzero" doc:"When it stops being valid; in 90 days when left out, or earlier with the token that signed in whoever makes it."`
	Never       bool      `json:"never,omitempty" doc:"It stays valid until it is deleted. Not for whoever signed in with a token that expires."`
}

// Token is an API token without what signs in.
type Token struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Hint        string    `json:"hint,omitempty" doc:"The four characters behind imat_, to recognise the token by." example:"q3Xz"`
	Role        string    `json:"role" enum:"Viewer,Operator,Admin"`
	Permissions []string  `json:"permissions" nullable:"false" doc:"What the token may do."`
	Narrowed    bool      `json:"narrowed" doc:"It may do less than its role."`
	Created     time.Time `json:"created"`
	CreatedBy   string    `json:"createdBy,omitempty" doc:"As the audit log names him; absent for the token that the product made." example:"user ann@example.net"`
	Expires     time.Time `json:"expires,omitzero" doc:"Absent for never."`
	Expired     bool      `json:"expired"`
	LastUsed    time.Time `json:"lastUsed,omitzero" doc:"To the minute; absent for not yet."`
	Current     bool      `json:"current" doc:"The token of this request or of its session."`
}

// CreatedToken is a new token, which nobody sees again.
type CreatedToken struct {
	Token
	Secret string `json:"token" doc:"What to send in the header Authorization: Bearer. It is shown this once."`
}

type tokenPage struct {
	Body struct {
		Items []Token `json:"items" nullable:"false"`
		Total int     `json:"total"`
		Next  string  `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

type createdToken struct{ Body CreatedToken }

// Role is a set of permissions with a name.
type Role struct {
	Name        string   `json:"name" enum:"Viewer,Operator,Admin"`
	Meaning     string   `json:"meaning"`
	Permissions []string `json:"permissions" nullable:"false"`
}

// Permission is a named right.
type Permission struct {
	Name    string `json:"name" example:"secrets.write"`
	Meaning string `json:"meaning"`
}

// Roles are all roles and permissions.
type Roles struct {
	Items       []Role       `json:"items" nullable:"false" doc:"The weakest first; each has the permissions of those before it."`
	Permissions []Permission `json:"permissions" nullable:"false"`
}

func (a *API) tokens() {
	const all = "/api/tokens"
	register(a, authz.TokensRead, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: all, Tags: []string{tagSignIn}, Summary: "List the API tokens by name",
	}, a.listTokens)
	registerCreate(a, authz.TokensWrite, "tokens.create", huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: all, DefaultStatus: http.StatusCreated, Tags: []string{tagSignIn},
		Summary: "Make an API token", Description: "The answer has the token, which is stored nowhere. Nobody can make one that may do more than he himself, nor one that outlives the token that he signed in with.",
	}, noAnswer, a.createToken)
	takes[TokenInput](a, http.MethodPost, all)
	registerChange(a, authz.TokensWrite, "tokens.delete", huma.Operation{
		OperationID: "delete-token", Method: http.MethodDelete, Path: all + "/{id}", Tags: []string{tagSignIn},
		Summary: "Delete an API token", Description: "It is worth nothing from then on, and the sessions that it began end. Other Admin APIs on the same database follow within two seconds.",
	}, a.deleteToken)
	register(a, authz.SignedIn, huma.Operation{
		OperationID: "list-roles", Method: http.MethodGet, Path: "/api/roles", Tags: []string{tagSignIn}, Summary: "List the roles and what each may do",
	}, a.listRoles)
}

// TokenOf returns what may be seen of a token.
func TokenOf(t store.AdminToken, now time.Time) Token {
	out := Token{
		ID: t.ID, Name: t.Name, Hint: t.Hint, Role: t.Role, Permissions: []string{}, Narrowed: len(t.Permissions) > 0, Created: t.Created.UTC(),
		CreatedBy: t.CreatedBy, Expires: utc(t.Expires), Expired: !t.Expires.IsZero() && !now.Before(t.Expires), LastUsed: utc(t.LastUsed),
	}
	for _, p := range authn.PrincipalOf(t).Permissions {
		out.Permissions = append(out.Permissions, string(p))
	}
	return out
}

func tokenTarget(id string) string { return "tokens/" + id }

func (a *API) listTokens(ctx context.Context, in *struct {
	Paging
	Sort string `query:"sort" enum:"name,-name" default:"name" doc:"By name."`
	Q    string `query:"q" maxLength:"200" doc:"Only tokens whose name has this text."`
}) (*tokenPage, error) {
	q := query{"tokens", in.Sort, in.Q}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, err := a.Tokens.List(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(t store.AdminToken) bool {
		return !strings.Contains(strings.ToLower(t.Name), strings.ToLower(in.Q))
	})
	who := authz.From(ctx)
	out := &tokenPage{}
	out.Body.Total = len(list)
	list, next := sliced(list, page, func(t store.AdminToken) string { return strings.ToLower(t.Name) })
	out.Body.Next = q.next(next)
	out.Body.Items = all(list, func(t store.AdminToken) Token {
		item := TokenOf(t, a.Now())
		item.Current = who.Kind == authz.Token && who.Name == t.Name
		return item
	})
	return out, nil
}

// tokenLife is how long a token is valid when nobody says.
const tokenLife = 90 * 24 * time.Hour

// checkToken says what is wrong with the input; limit is as [API.tokenLimit] has it.
func (a *API) checkToken(in TokenInput, limit time.Time) (problems diag.List) {
	name := strings.TrimSpace(in.Name)
	if err := authn.CheckName(name); err != nil {
		problems.Errorf("name", "%s", err)
	}
	role, err := authn.RoleOf(in.Role, in.Permissions)
	if _, unknown := authz.ParseRole(in.Role); in.Role != "" && unknown != nil {
		_, err = authn.RoleOf("", in.Permissions) // of the role the schema tells
	}
	if err != nil {
		problems.Errorf("permissions", "%s", err)
	}
	if in.Role == "" && role == "" && err == nil {
		problems.Errorf("role", "say what the token may do: a role, permissions, or both")
	}
	switch {
	case !writable(in.Expires):
		problems.Errorf("expires", timeExpected)
	case in.Never && !in.Expires.IsZero():
		problems.Errorf("expires", "either this or never")
	case !in.Expires.IsZero() && !in.Expires.After(a.Now()):
		problems.Errorf("expires", "it must be in the future")
	case !limit.IsZero() && in.Never:
		problems.Errorf("expires", "the token that you signed in with expires at %s, and none that it makes may outlive it; let this one expire too", limit.Format(time.RFC3339))
	case !limit.IsZero() && in.Expires.After(limit):
		problems.Errorf("expires", "the token that you signed in with expires at %s, and none that it makes may outlive it; take that time or an earlier one", limit.Format(time.RFC3339))
	}
	return problems
}

// tokenLimit returns when the latest token expires that who makes the request may
// make, zero for never: with a token that expires nobody must keep what it may do for
// longer. A session begun by a token has the token's name.
func (a *API) tokenLimit(ctx context.Context) (time.Time, error) {
	who := authz.From(ctx)
	if who.Kind != authz.Token {
		return time.Time{}, nil
	}
	list, err := a.Tokens.List(ctx)
	if err != nil {
		return time.Time{}, err
	}
	at := slices.IndexFunc(list, func(t store.AdminToken) bool { return t.Name == who.Name })
	if at < 0 {
		return time.Time{}, authn.Required("The token that signed you in was deleted just now.")
	}
	return utc(list[at].Expires), nil
}

func (a *API) createToken(ctx context.Context, in *struct{ Payload }) (c change[createdToken], err error) {
	limit, err := a.tokenLimit(ctx)
	if err != nil {
		return c, err
	}
	input, err := decode(a, in.Payload, func(in TokenInput) diag.List { return a.checkToken(in, limit) })
	if err != nil {
		return c, err
	}
	role, err := authn.RoleOf(input.Role, input.Permissions)
	if err != nil {
		return c, err
	}
	who := authz.From(ctx)
	want := store.AdminToken{
		Name: strings.TrimSpace(input.Name), Role: string(role), Permissions: input.Permissions, Expires: input.Expires, CreatedBy: who.String(),
	}
	if want.Expires.IsZero() && !input.Never {
		want.Expires = a.Now().Add(tokenLife)
		if !limit.IsZero() && limit.Before(want.Expires) {
			want.Expires = limit
		}
	}
	for _, p := range authn.PrincipalOf(want).Permissions {
		if !who.May(p) {
			return c, problem.New(http.StatusForbidden, "token-too-strong",
				fmt.Sprintf("The token would have the permission %s, which %s lacks; nobody can make a token that may do more than he himself.", p, who))
		}
	}
	c.target, c.wanted = "tokens", TokenOf(want, a.Now())
	c.do = func(ctx context.Context) (done[createdToken], error) {
		made, text, err := a.Tokens.Create(ctx, want)
		if errors.Is(err, store.ErrNameTaken) {
			err = problem.New(http.StatusConflict, "token-name-taken", "There is a token of that name; delete it or take another name.")
		}
		if err != nil {
			return done[createdToken]{}, err
		}
		shown := TokenOf(made, a.Now())
		return done[createdToken]{answer: &createdToken{CreatedToken{shown, text}}, target: tokenTarget(made.ID), after: shown}, nil
	}
	return c, nil
}

func (a *API) deleteToken(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"200" doc:"The token's id."`
}) (c change[struct{}], err error) {
	list, err := a.Tokens.List(ctx)
	if err != nil {
		return c, err
	}
	at := slices.IndexFunc(list, func(t store.AdminToken) bool { return t.ID == in.ID })
	if at < 0 {
		return c, tokenProblem(store.ErrNotFound)
	}
	c.target, c.before = tokenTarget(in.ID), TokenOf(list[at], a.Now())
	c.do = func(ctx context.Context) (done[struct{}], error) {
		err := a.Tokens.Delete(ctx, in.ID)
		a.Sessions.Forget()
		return done[struct{}]{}, tokenProblem(err)
	}
	return c, nil
}

func tokenProblem(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(http.StatusNotFound, "token-not-found", "There is no token of that id; list them at /api/tokens.")
	}
	return err
}

func (a *API) listRoles(context.Context, *struct{}) (*struct{ Body Roles }, error) {
	out := &struct{ Body Roles }{}
	for _, r := range authz.Roles() {
		role := Role{Name: string(r), Meaning: authz.RoleMeaning(r)}
		for _, p := range authz.Permissions(r) {
			role.Permissions = append(role.Permissions, string(p))
		}
		out.Body.Items = append(out.Body.Items, role)
	}
	for _, p := range authz.Permissions(authz.Admin) {
		out.Body.Permissions = append(out.Body.Permissions, Permission{Name: string(p), Meaning: authz.Meaning(p)})
	}
	return out, nil
}
