package api

import (
	"context"
	"errors"
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
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// SignInWay is one way for a browser to sign in.
type SignInWay struct {
	Name string `json:"name" enum:"token,oidc,negotiate" doc:"token: send one to POST /api/session. The others: lead the browser to path."`
	Path string `json:"path,omitempty" doc:"Where the browser goes to sign in this way, with the page to come back to in the query parameter return." example:"/auth/oidc/start"`
	// Provider is for the text of a button.
	Provider string `json:"provider,omitempty" doc:"Who vouches for the user, for people." example:"login.microsoftonline.com"`
}

// SignIn is what there is to know before somebody signs in.
type SignIn struct {
	Ways []SignInWay `json:"ways" nullable:"false" doc:"The ways that are configured, in the order in which to offer them."`
}

// SessionInput is what begins a session.
type SessionInput struct {
	Token string `json:"token" minLength:"1" maxLength:"1000" format:"password" writeOnly:"true" doc:"An API token."`
}

// Session is who makes the requests of a browser or a program, and how long he is
// signed in.
type Session struct {
	ID          string    `json:"id,omitempty" doc:"Names the session, and signs in nobody; absent when the request brings a credential of its own."`
	Kind        string    `json:"kind" enum:"token,user" doc:"What the name stands for: a token, or a user whom another system vouches for."`
	Name        string    `json:"name" example:"administrator"`
	Role        string    `json:"role" enum:"Viewer,Operator,Admin"`
	Permissions []string  `json:"permissions" nullable:"false" doc:"What may be done; each operation names the permission that it needs in x-identitymesh-permission."`
	Way         string    `json:"way" enum:"token,oidc,negotiate" doc:"How the session was begun, or how this request signs in."`
	Expires     time.Time `json:"expires,omitzero" doc:"When the session ends even if it is used, or when the token expires; absent for never or unknown."`
	IdleExpires time.Time `json:"idleExpires,omitzero" doc:"When the session ends if it is not used; requests with the header X-IdentityMesh-Background do not count."`
}

// SessionItem is a browser that is signed in.
type SessionItem struct {
	ID          string    `json:"id" doc:"Names the session, and signs in nobody."`
	Kind        string    `json:"kind" enum:"token,user"`
	Name        string    `json:"name"`
	Role        string    `json:"role" enum:"Viewer,Operator,Admin"`
	Way         string    `json:"way" enum:"token,oidc,negotiate"`
	Current     bool      `json:"current" doc:"The session of this request."`
	Created     time.Time `json:"created"`
	LastSeen    time.Time `json:"lastSeen" doc:"To the minute."`
	Expires     time.Time `json:"expires"`
	IdleExpires time.Time `json:"idleExpires"`
	Address     string    `json:"address" doc:"Where it was begun from."`
	UserAgent   string    `json:"userAgent,omitempty" doc:"What the browser calls itself."`
}

// Ended says how many sessions were ended.
type Ended struct {
	Ended int64 `json:"ended"`
}

type sessionOutput struct{ Body Session }

// public is the permission of operations for everybody, signed in or not.
const public authz.Permission = ""

func (a *API) sessions() {
	const one, all = "/api/session", "/api/sessions"
	register(a, public, huma.Operation{
		OperationID: "get-sign-in", Method: http.MethodGet, Path: "/api/sign-in", Tags: []string{tagSignIn},
		Summary: "List the ways to sign in", Description: "For the sign-in page, and for everybody.",
	}, a.getSignIn)
	registerChange(a, public, "session.start", huma.Operation{
		OperationID: "start-session", Method: http.MethodPost, Path: one, Tags: []string{tagSignIn}, Summary: "Sign a browser in with a token",
		Description: "Sets a cookie that signs in the requests of the Admin API's own pages. A session that the browser had before ends. " +
			"After failures an address has to wait (429).",
	}, a.startSession)
	takes[SessionInput](a, http.MethodPost, one)
	register(a, authz.SignedIn, huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: one, Tags: []string{tagSignIn}, Summary: "Read who is signed in and what he may do",
	}, a.getSession)
	registerChange(a, authz.SignedIn, "session.end", huma.Operation{
		OperationID: "end-session", Method: http.MethodDelete, Path: one, Tags: []string{tagSignIn}, Summary: "Sign out",
	}, a.endSession)
	register(a, authz.SignedIn, huma.Operation{
		OperationID: "list-sessions", Method: http.MethodGet, Path: all, Tags: []string{tagSignIn},
		Summary: "List the browsers in which one is signed in", Description: "With all those of everybody, which needs the permission sessions.write.",
	}, a.listSessions)
	registerChange(a, authz.SignedIn, "session.end-all", huma.Operation{
		OperationID: "end-sessions", Method: http.MethodDelete, Path: all, DefaultStatus: http.StatusOK, Tags: []string{tagSignIn},
		Summary: "Sign out everywhere", Description: "Ends this session too. With all it ends those of everybody, which needs the permission sessions.write.",
	}, a.endSessions)
}

func (a *API) getSignIn(context.Context, *struct{}) (*struct{ Body SignIn }, error) {
	ways := append([]SignInWay{{Name: authn.WayToken}}, a.SignInWays...)
	return &struct{ Body SignIn }{SignIn{Ways: ways}}, nil
}

func (a *API) startSession(ctx context.Context, in *struct {
	Exchange
	Payload
}) (c change[sessionOutput], err error) {
	defer in.wipe()
	if wait := a.SignIns.Wait(in.r.RemoteAddr, ""); wait > 0 {
		return c, authn.TooMany(wait)
	}
	input, err := decode(a, in.Payload, func(SessionInput) (none diag.List) { return none })
	if err != nil {
		return c, err
	}
	token, err := a.Tokens.Prove(ctx, strings.TrimSpace(input.Token))
	var refused authn.Refused
	if errors.As(err, &refused) {
		if wait := a.SignIns.Failed(in.r.RemoteAddr, ""); wait > 0 {
			return c, authn.TooMany(wait)
		}
		a.Logger.WarnContext(ctx, "sign-in failed", "remote", in.r.RemoteAddr, "way", authn.WayToken, "why", refused.Error(), "request_id", problem.RequestID(ctx))
		return c, authn.Required("Sign-in failed: " + refused.Error())
	}
	if err != nil {
		a.Logger.ErrorContext(ctx, "a credential could not be checked", telemetry.KeyError, err, "request_id", problem.RequestID(ctx))
		return c, authn.Unavailable()
	}
	who := authn.PrincipalOf(token)
	c.actor, c.target, c.wanted = &who, "sessions", map[string]any{"way": authn.WayToken}
	c.do = func(context.Context) (done[sessionOutput], error) {
		x, err := a.Sessions.StartByToken(in.w, in.r, token)
		if err != nil {
			return done[sessionOutput]{}, err
		}
		return done[sessionOutput]{answer: &sessionOutput{a.sessionOf(x)}, target: "sessions/" + x.ID, after: a.sessionItem(x)}, nil
	}
	return c, nil
}

func (a *API) sessionOf(x store.AdminSession) Session {
	return Session{
		ID: x.ID, Kind: x.Kind, Name: x.Name, Role: x.Role, Permissions: append([]string{}, x.Permissions...), Way: x.Way,
		Expires: x.Expires.UTC(), IdleExpires: a.Sessions.IdleEnd(x).UTC(),
	}
}

func (a *API) sessionItem(x store.AdminSession) SessionItem {
	return SessionItem{
		ID: x.ID, Kind: x.Kind, Name: x.Name, Role: x.Role, Way: x.Way, Created: x.Created.UTC(), LastSeen: x.LastSeen.UTC(), Expires: x.Expires.UTC(),
		IdleExpires: a.Sessions.IdleEnd(x).UTC(), Address: x.Address, UserAgent: x.UserAgent,
	}
}

// current returns the session that signed the request in; false when something
// else did. Browsers send a ticket beside it, which does not count then.
func (a *API) current(r *http.Request) (store.AdminSession, bool) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "" && !strings.EqualFold(scheme, "Negotiate") {
		return store.AdminSession{}, false
	}
	x, err := a.Sessions.Current(r)
	return x, err == nil
}

func (a *API) getSession(ctx context.Context, in *struct{ Exchange }) (*sessionOutput, error) {
	if x, ok := a.current(in.r); ok {
		return &sessionOutput{a.sessionOf(x)}, nil
	}
	who := authz.From(ctx)
	out := Session{Kind: string(who.Kind), Name: who.Name, Role: string(who.Role), Permissions: []string{}, Way: "oidc"}
	for _, p := range who.Permissions {
		out.Permissions = append(out.Permissions, string(p))
	}
	scheme, credential, _ := strings.Cut(in.r.Header.Get("Authorization"), " ")
	switch {
	case who.Kind == authz.Token:
		out.Way = authn.WayToken
		token, err := a.Tokens.Prove(ctx, strings.TrimSpace(credential))
		if err != nil {
			return nil, err
		}
		out.Expires = utc(token.Expires)
	case strings.EqualFold(scheme, "Negotiate"):
		out.Way = "negotiate"
	}
	return &sessionOutput{out}, nil
}

func (a *API) endSession(_ context.Context, in *struct{ Exchange }) (c change[struct{}], err error) {
	x, ok := a.current(in.r)
	if !ok {
		return c, problem.New(http.StatusConflict, "no-session",
			"This request is signed in by a credential of its own, so there is no session to end; tokens are deleted at /api/tokens.")
	}
	c.target, c.before = "sessions/"+x.ID, a.sessionItem(x)
	c.do = func(context.Context) (done[struct{}], error) {
		return done[struct{}]{}, a.Sessions.End(in.w, in.r)
	}
	return c, nil
}

// EverybodyQuery widens an operation on one's own sessions.
type EverybodyQuery struct {
	All bool `query:"all" doc:"The sessions of everybody; needs the permission sessions.write."`
}

// of returns whose sessions are meant.
func (a *API) of(ctx context.Context, q EverybodyQuery) (store.SessionsOf, error) {
	who := authz.From(ctx)
	if !q.All {
		return store.SessionsOf{Kind: string(who.Kind), Name: who.Name}, nil
	}
	return store.SessionsOf{}, a.lacks(ctx, authz.SessionsWrite)
}

type sessionPage struct {
	Body struct {
		Items []SessionItem `json:"items" nullable:"false"`
		Total int           `json:"total"`
		Next  string        `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (a *API) listSessions(ctx context.Context, in *struct {
	Exchange
	EverybodyQuery
	Paging
	Sort string `query:"sort" enum:"created,-created" default:"-created" doc:"By when they were begun."`
	Q    string `query:"q" maxLength:"200" doc:"Only sessions of names with this text."`
}) (*sessionPage, error) {
	of, err := a.of(ctx, in.EverybodyQuery)
	if err != nil {
		return nil, err
	}
	q := query{list: "sessions", sort: in.Sort, filter: []any{in.All, in.Q}}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, err := a.Sessions.List(ctx, of)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x store.AdminSession) bool {
		return !strings.Contains(strings.ToLower(x.Name), strings.ToLower(in.Q))
	})
	now, _ := a.current(in.r)
	out := &sessionPage{}
	out.Body.Total = len(list)
	list, next := sliced(list, page, func(x store.AdminSession) string { return x.Created.UTC().Format("20060102150405.000000") + x.ID })
	out.Body.Next = q.next(next)
	out.Body.Items = all(list, func(x store.AdminSession) SessionItem {
		item := a.sessionItem(x)
		item.Current = x.ID == now.ID
		return item
	})
	return out, nil
}

func (a *API) endSessions(ctx context.Context, in *struct{ EverybodyQuery }) (c change[struct{ Body Ended }], err error) {
	of, err := a.of(ctx, in.EverybodyQuery)
	if err != nil {
		return c, err
	}
	c.target = "sessions"
	c.wanted = map[string]any{"all": in.All}
	c.do = func(ctx context.Context) (done[struct{ Body Ended }], error) {
		n, err := a.Sessions.EndAll(ctx, of)
		out := &struct{ Body Ended }{Ended{n}}
		return done[struct{ Body Ended }]{answer: out, after: out.Body}, err
	}
	return c, nil
}
