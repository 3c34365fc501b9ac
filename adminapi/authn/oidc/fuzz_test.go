package oidc_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc/oidctest"
)

func FuzzWhatStrangersSendSignsInNobody(f *testing.F) {
	idp := oidctest.Start(f)
	provider, err := oidc.New(oidc.Config{JWT: settings(idp.Issuer), Roles: mapping(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	if err := provider.Ask(f.Context()); err != nil {
		f.Fatal(err)
	}
	good := idp.Mint(idp.Access(audience, nil))
	other := oidctest.Start(f)
	for _, seed := range []string{"", ".", "..", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", other.Mint(other.Access(audience, nil)), good + ".", "{}", `{"payload":"","signatures":[{},{}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		who, err := signIn(provider, token)
		var refused authn.Refused
		if !errors.As(err, &refused) || who.Name != "" {
			t.Errorf("%+v, %v", who, err)
		}
	})
}
