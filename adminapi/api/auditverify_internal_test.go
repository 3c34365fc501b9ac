package api

import (
	"log/slog"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func TestAVerificationThatTakesLongSaysWhereToGoOn(t *testing.T) {
	ctx, connectors := t.Context(), 3
	s, err := store.Open(ctx, store.Config{DB: productdb.Config{DataFolder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"A", "B", "C"} {
		c, err := s.CreateConnector(ctx, store.Connector{Name: name, Type: "ldap", Config: []byte("{}"), Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Enqueue(ctx, store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual}); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Claim(ctx, store.Claimant{Instance: "me", Incarnation: "1", TTL: time.Minute}); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	log, err := audit.Open(ctx, s.DB(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for step, parts := range map[time.Duration]int{time.Second: 1, verifyLimit + time.Second: connectors} {
		now := time.Now()
		a := &API{whole: make(wholeReads, 1), Config: Config{Audit: log, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { now = now.Add(step); return now }}}
		chains, asked := 0, 0
		for after := ""; ; {
			out, err := a.verifyAudit(ctx, &verifyInput{After: after})
			if err != nil || !out.Body.Intact {
				t.Fatal(out, err)
			}
			chains, asked = chains+out.Body.Connectors.Chains, asked+1
			if after = out.Body.Next; after == "" {
				break
			}
		}
		if chains != connectors || asked != parts {
			t.Errorf("with %s for each chain there were %d in %d parts", step, chains, asked)
		}
	}
}
