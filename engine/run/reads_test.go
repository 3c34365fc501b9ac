package run_test

import (
	"context"
	"testing"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestEachReadOfASecretIsNotedWithTheSystemsOwnWords(t *testing.T) {
	w := newWorld(t, nil)
	last := func() store.SecretRead {
		uses, err := w.store.UsesOf(t.Context(), []string{naming.Name(string(ref))})
		if err != nil {
			t.Fatal(err)
		}
		return uses[naming.Name(string(ref))].Last
	}
	good := w.do(t.Context(), store.Full)
	if l := last(); l.Outcome != "OK" || l.Message != "" || l.RunID != good.ID || l.Connector != (store.ConnectorName{ID: w.id, Name: "Directory"}) || l.Used.IsZero() || l.Ref != string(ref) {
		t.Errorf("after a run that succeeded: %+v", l)
	}
	works := w.system.get
	w.system.get = func(context.Context) (secret.Secret, error) {
		return secret.Secret{}, fault.New(fault.AccessDenied, fault.SourceBackend, "caller lacks getSecret")
	}
	bad := w.do(t.Context(), store.Full)
	if l := last(); l.Outcome != "ACCESS_DENIED" || l.Message != "caller lacks getSecret" || l.RunID != bad.ID {
		t.Errorf("after a run that failed: %+v", l)
	}
	// A run that is ended while it reads is noted too, and one whose note cannot be
	// written goes on.
	ctx, stop := context.WithCancel(t.Context())
	w.system.get = func(ctx context.Context) (secret.Secret, error) {
		stop()
		return secret.Secret{}, ctx.Err()
	}
	if r := w.do(ctx, store.Full); last().RunID != r.ID {
		t.Errorf("a run that was ended is not noted: %+v", last())
	}
	w.system.get = works
	if _, err := w.store.DB().Write.ExecContext(t.Context(), "DROP TABLE IM_SecretUse"); err != nil {
		t.Fatal(err)
	}
	if r := w.do(t.Context(), store.Full); r.Status != store.Succeeded {
		t.Errorf("without the table the run is %s: %s", r.Status, r.Error)
	}
}
