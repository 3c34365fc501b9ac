package browser_test

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func TestNoSessionBeginsWithoutARecord(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.Context(), db.DB(), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := func(failure error) (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/auth/x", nil)
		r.RemoteAddr = "192.0.2.1:7"
		s := browser.Recorded{Sessions: sessions{failure}, Log: log, Logger: slog.New(slog.DiscardHandler)}
		return w, s.Start(w, r, authz.NewUser("alice", authz.Operator), "x")
	}
	if w, err := start(nil); err != nil || w.Header().Get("Session") != "alice by x" {
		t.Errorf("%v, %v", w.Header(), err)
	}
	broken := errors.New("disk full")
	if _, err := start(broken); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	rows, err := db.DB().Read.QueryContext(t.Context(), "SELECT Actor, Role, Address, Action, Phase, COALESCE(Outcome, ''), Detail FROM IM_AdminAudit ORDER BY Seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var actor, role, address, action, phase, outcome, detail string
		if err := rows.Scan(&actor, &role, &address, &action, &phase, &outcome, &detail); err != nil {
			t.Fatal(err)
		}
		if actor != "user alice" || role != "Operator" || address != "192.0.2.1" || action != "session.start" || detail != `{"wanted":{"way":"x"}}` {
			t.Errorf("record %s %s %s %s %s", actor, role, address, action, detail)
		}
		got = append(got, phase+" "+outcome)
	}
	if len(got) != 4 || got[1] != "outcome OK" || got[3] == "outcome OK" {
		t.Errorf("records %q", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err := start(nil); err == nil || w.Header().Get("Session") != "" {
		t.Errorf("a session without a record: %v, %v", w.Header(), err)
	}
}
