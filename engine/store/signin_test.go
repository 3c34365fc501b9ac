package store_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/identitymesh/identitymesh/engine/store"
)

func hashOf(text string) store.TokenHash { return sha256.Sum256([]byte(text)) }

func TestTokensAreFoundByTheirHashAlone(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		before := must1(f.CountTokens(t.Context()))(t)
		n := name(t)
		expires := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
		want := must1(f.AddToken(t.Context(), store.AdminToken{
			Name: n, Hint: "abcd", Role: "Operator", Permissions: []string{"runs.read", "runs.start"}, CreatedBy: "token administrator", Expires: expires,
		}, hashOf("token of "+n)))(t)
		if want.ID == "" || want.Created.IsZero() {
			t.Errorf("added %+v", want)
		}
		if diff := cmp.Diff(want, must1(f.FindToken(t.Context(), hashOf("token of "+n)))(t)); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		used := expires.Add(-time.Hour)
		must(t, f.UseToken(t.Context(), want.ID, used))
		want.LastUsed = used
		found := false
		for _, x := range must1(f.ListTokens(t.Context()))(t) {
			found = found || cmp.Equal(x, want)
		}
		if !found {
			t.Errorf("%+v is not on the list", want)
		}
		if _, err := f.AddToken(t.Context(), store.AdminToken{Name: strings.ToUpper(n)}, hashOf("another of "+n)); !errors.Is(err, store.ErrNameTaken) {
			t.Errorf("the same name: %v", err)
		}
		if _, err := f.FindToken(t.Context(), hashOf("none")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another hash: %v", err)
		}
		if after := must1(f.CountTokens(t.Context()))(t); after != before+1 {
			t.Errorf("counted %d, then %d", before, after)
		}
		must(t, f.DeleteToken(t.Context(), want.ID))
		if err := f.DeleteToken(t.Context(), want.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func TestSessionsLiveUntilTheyAreEndedOrOver(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		n := name(t)
		token := must1(f.AddToken(t.Context(), store.AdminToken{Name: n, Role: "Viewer"}, hashOf("token of "+n)))(t)
		now := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
		add := func(x store.AdminSession, id string) store.AdminSession {
			t.Helper()
			x.Created, x.LastSeen, x.Expires = now, now, now.Add(time.Hour)
			return must1(f.AddSession(t.Context(), x, hashOf(id+n), now.Add(-10*time.Minute)))(t)
		}
		there := func(id string) bool {
			t.Helper()
			_, err := f.FindSession(t.Context(), hashOf(id+n))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		want := add(store.AdminSession{
			Kind: "token", Name: n, Role: "Viewer", Permissions: []string{"runs.read", "session"}, Way: "token", TokenID: token.ID,
			Address: "192.0.2.1", UserAgent: strings.Repeat("ä", 400),
		}, "a")
		if want.ID == "" || len(want.UserAgent) > 300 {
			t.Errorf("added %+v", want)
		}
		if diff := cmp.Diff(want, must1(f.FindSession(t.Context(), hashOf("a"+n)))(t)); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		now = now.Add(9 * time.Minute)
		must(t, f.SeeSession(t.Context(), hashOf("a"+n), now))
		add(store.AdminSession{Kind: "user", Name: n, Role: "Admin", Way: "oidc", Rules: "r"}, "b")
		now = now.Add(9 * time.Minute)
		add(store.AdminSession{Kind: "user", Name: n, Role: "Admin", Way: "oidc"}, "c")
		list := must1(f.ListSessions(t.Context(), store.SessionsOf{Kind: "user", Name: n}))(t)
		if len(list) != 2 || !list[0].Created.Equal(now) || list[1].Rules != "r" || !there("a") {
			t.Errorf("sessions %+v", list)
		}
		now = now.Add(9 * time.Minute) // b was not used for too long, and a was
		must(t, f.SeeSession(t.Context(), hashOf("a"+n), now))
		add(store.AdminSession{Kind: "user", Name: n + "2", Role: "Admin", Way: "oidc"}, "d")
		if !there("a") || there("b") || !there("c") {
			t.Error("an unused session is still there, or another one is gone")
		}
		must(t, f.DeleteToken(t.Context(), token.ID))
		if there("a") {
			t.Error("the session outlives its token")
		}
		if n := must1(f.DeleteSessions(t.Context(), store.SessionsOf{Kind: "user", Name: n}))(t); n != 1 || there("c") || !there("d") {
			t.Errorf("%d sessions were ended", n)
		}
		must(t, f.DeleteSession(t.Context(), hashOf("d"+n)))
		if err := f.DeleteSession(t.Context(), hashOf("d"+n)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ended twice: %v", err)
		}
		now = now.Add(2 * time.Hour)
		add(store.AdminSession{Kind: "user", Name: n, Role: "Admin", Way: "oidc"}, "e")
		if n := must1(f.DeleteSessions(t.Context(), store.SessionsOf{}))(t); n < 1 || there("e") {
			t.Errorf("%d sessions of everybody were ended", n)
		}
	})
}
