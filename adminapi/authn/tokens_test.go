package authn_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestADeletedTokenIsWorthNothingAtOnce(t *testing.T) {
	s := newSite(t, nil)
	made, text := s.token("t", 0)
	bearer := []string{"Authorization", "Bearer " + text}
	if w := s.get(nil, bearer...); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := s.tokens.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if w := s.get(nil, bearer...); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A look-up that began before the token was deleted must not be remembered after.
func TestADeletionIsNotOutrunByALookUpUnderWay(t *testing.T) {
	s := newSite(t, nil)
	made, text := s.token("t", 0)
	slow := &meanwhile{Store: s.db}
	tokens := newTokens(t, slow, s.folder, func() time.Time { return s.now })
	slow.do = func() {
		slow.do = nil
		if err := tokens.Delete(t.Context(), made.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := tokens.Prove(t.Context(), text); err != nil {
		t.Fatalf("it was there when it was looked up: %v", err)
	}
	if _, err := tokens.Prove(t.Context(), text); err == nil {
		t.Error("the deleted token is still good")
	}
}

// meanwhile does something between a look-up and its answer.
type meanwhile struct {
	authn.Store
	do func()
}

func (m *meanwhile) FindToken(ctx context.Context, hash store.TokenHash) (store.AdminToken, error) {
	found, err := m.Store.FindToken(ctx, hash)
	if m.do != nil {
		m.do()
	}
	return found, err
}
