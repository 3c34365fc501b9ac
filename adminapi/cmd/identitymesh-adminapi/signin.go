package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

// vouchers are the other systems that vouch for operators.
type vouchers struct {
	settings  appsettings.Authentication
	provider  *oidc.Provider // nil when it is not enabled
	negotiate *negotiate.Way // likewise
}

// openVouchers reads what the enabled ways rest on; without that nobody could sign
// in by them, so the program does not start.
func openVouchers(s appsettings.Authentication, logger *slog.Logger) (v vouchers, err error) {
	v.settings = s
	roles := authz.Mapping{authz.Admin: s.Roles.Admin, authz.Operator: s.Roles.Operator, authz.Viewer: s.Roles.Viewer}
	var problems []error
	if s.JWT.Enabled {
		v.provider, err = oidc.New(oidc.Config{JWT: s.JWT, Roles: roles, Logger: logger, Now: time.Now})
		problems = append(problems, err)
	}
	if s.Negotiate.Enabled {
		v.negotiate, err = negotiate.New(negotiate.Config{Settings: s.Negotiate, Roles: roles, Logger: logger, Now: time.Now})
		problems = append(problems, err)
	}
	return v, errors.Join(problems...)
}

// rules names what decides the roles of users, so that their sessions end when that
// is changed.
func (v vouchers) rules() string {
	jwt := v.settings.JWT
	text, err := json.Marshal([]any{v.settings.Roles, jwt.Enabled, jwt.Authority, jwt.ClientID, jwt.RolesClaim, jwt.GroupsClaim, jwt.NameClaim, v.settings.Negotiate.Enabled})
	if err != nil {
		panic(err) // it is made of texts
	}
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:8])
}

// ways are those of requests, with the sessions among them. A token that a program
// sends counts before a session; a ticket, which browsers add by themselves, after
// it: else no session would end that is not used.
func (v vouchers) ways(sessions authn.Way) (all []authn.Way) {
	if v.provider != nil {
		all = append(all, oidc.Bearer{Provider: v.provider})
	}
	all = append(all, sessions)
	if v.negotiate != nil {
		all = append(all, v.negotiate)
	}
	return all
}

// offers are those of browsers.
func (v vouchers) offers() (all []api.SignInWay) {
	if v.provider != nil && v.settings.JWT.ClientID != "" {
		host := v.settings.JWT.Authority
		if u, err := url.Parse(host); err == nil {
			host = u.Host
		}
		all = append(all, api.SignInWay{Name: oidc.Way, Path: oidc.StartPath, Provider: host})
	}
	if v.negotiate != nil {
		var realms []string
		for _, p := range v.negotiate.Principals() {
			realms = append(realms, p[strings.LastIndex(p, "@")+1:])
		}
		all = append(all, api.SignInWay{Name: negotiate.Name, Path: negotiate.Path, Provider: strings.Join(unique(realms), ", ")})
	}
	return all
}

func unique(names []string) (out []string) {
	known := map[string]bool{}
	for _, n := range names {
		if !known[n] {
			known[n], out = true, append(out, n)
		}
	}
	return out
}

// register adds the paths at which browsers sign in.
func (v vouchers) register(mux *http.ServeMux, door browser.Door, address string, secure bool) error {
	if v.provider != nil && v.settings.JWT.ClientID != "" {
		in, err := oidc.NewSignIn(oidc.SignInConfig{Provider: v.provider, Door: door, URL: address, Secure: secure})
		if err != nil {
			return err
		}
		in.Register(mux)
	}
	if v.negotiate != nil {
		negotiate.SignIn{Way: v.negotiate, Door: door}.Register(mux)
	}
	return nil
}

// problems are for an operator to look at.
func (v vouchers) problems() (all []string) {
	if v.provider != nil {
		if p := v.provider.Problem(); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// run keeps up with what the other systems say until ctx ends.
func (v vouchers) run(ctx context.Context, running *sync.WaitGroup) {
	if v.provider != nil {
		running.Go(func() { v.provider.Run(ctx) })
	}
}
