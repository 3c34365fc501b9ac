package chronicle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/chronicle"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// broken is a plugin that cannot be started.
type broken struct{}

func (broken) Name() string { return "acme" }

func (broken) Start(context.Context, func()) (supervise.Instance, error) {
	return nil, &supervise.Permanent{Err: errors.New("wrong hash, canary-5")}
}

func TestWhatAProgramDoesByItselfIsInTheAuditLog(t *testing.T) {
	folder := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: folder}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := audit.On(db.DB(), nil)
	logger := slog.New(slog.DiscardHandler)
	c, err := chronicle.Open(t.Context(), chronicle.Config{
		Log: log, DataFolder: folder, Logger: logger, Now: time.Now,
		Self: store.Instance{Role: store.RoleEngine, Name: "Berlin", Machine: "host7", Version: "1.2.3", Incarnation: "i1", Provider: "acme"},
	})
	if err != nil {
		t.Fatal(err)
	}
	plugin := supervise.New(supervise.Config{Source: broken{}, Logger: logger, OnState: c.Plugin})
	for plugin.Status().State != supervise.Quarantined {
		time.Sleep(time.Millisecond)
	}
	failure := errors.New("canary-6")
	if err := c.Reload(func(context.Context, string) error { return failure })(t.Context(), "SIGHUP"); err != failure {
		t.Errorf("got %v", err)
	}
	plugin.Stop()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = log.Records(t.Context(), 0, func(r audit.Record) error {
		if r.Actor != audit.System || r.Address != "host7" || r.Correlation != "i1" || !strings.Contains(r.Detail, `"instance":"engine/Berlin"`) {
			t.Errorf("a record is %+v", r)
		}
		if strings.Contains(r.Detail, "canary") {
			t.Errorf("the text of an error is in %s", r.Detail)
		}
		got = append(got, r.Action+" "+r.Target+" "+r.Outcome)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(got, "; ")
	if !strings.HasPrefix(all, "instances.start instances/engine/Berlin OK; plugins.state plugins/acme OK; ") ||
		!strings.Contains(all, "; plugins.state plugins/acme UNAVAILABLE; provider.reload provider INTERNAL; ") ||
		!strings.HasSuffix(all, "; plugins.state plugins/acme OK; instances.stop instances/engine/Berlin OK") {
		t.Error(all)
	}
	if _, err := log.Verify(t.Context()); err != nil || len(c.Problems()) > 0 {
		t.Errorf("%v, %v", err, c.Problems())
	}
	fmt.Fprintln(t.Output(), all)
}
