package negotiate_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate"
)

func TestPicturesOnOtherSitesLockNobodyOut(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	door := browser.Door{Failures: authn.NewLockout(func() time.Time { return now }), Logger: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	negotiate.SignIn{Door: door}.Register(mux)
	r := httptest.NewRequest("GET", negotiate.Path, nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	for range 10 {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "Begin on the sign-in page") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if wait := door.Failures.Wait(r.RemoteAddr, ""); wait > 0 {
		t.Errorf("the operator who looked at them has to wait %s", wait)
	}
}
