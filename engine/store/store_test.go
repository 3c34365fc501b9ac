package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/servertest"
)

// backend is a database that the suite runs on; open may be called several
// times to get stores that share it.
type backend struct {
	name string
	db   productdb.Config
}

// onEach runs a test on SQLite, and on SQL Server when there is one.
func onEach(t *testing.T, test func(t *testing.T, b backend)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, backend{"SQLite", productdb.Config{DataFolder: t.TempDir()}})
	})
	t.Run("SQLServer", func(t *testing.T) {
		t.Parallel()
		test(t, backend{"SQLServer", servertest.Database(t)})
	})
}

// clock is a clock that the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// tally counts statements and rows by the statement's name.
type tally struct {
	mu         sync.Mutex
	statements map[string]int
	rows       map[string]int
	// onInsert, when set, is called after each insert of objects, in the middle of
	// a page's transaction.
	onInsert func()
}

func (c *tally) note(name string, rows int) {
	c.mu.Lock()
	if name == "insert objects" && c.onInsert != nil {
		c.onInsert()
	}
	defer c.mu.Unlock()
	c.statements[name]++
	c.rows[name] += rows
}

func (c *tally) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements, c.rows = map[string]int{}, map[string]int{}
}

// fixture is an open store with its clock and tally.
type fixture struct {
	*store.Store
	clock *clock
	tally *tally
}

func (b backend) open(t testing.TB) *fixture {
	t.Helper()
	return b.openAt(t, newClock())
}

func (b backend) openAt(t testing.TB, c *clock) *fixture {
	t.Helper()
	f := &fixture{clock: c, tally: &tally{}}
	f.tally.reset()
	s, err := store.Open(t.Context(), store.Config{DB: b.db, Now: c.now, OnStatement: f.tally.note})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	f.Store = s
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must1[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

var unique struct {
	sync.Mutex
	n int
}

// name returns a name that no other test uses, because a server is shared.
func name(t testing.TB) string {
	unique.Lock()
	defer unique.Unlock()
	unique.n++
	return fmt.Sprintf("%s %d %d", strings.ReplaceAll(t.Name(), "/", " ")[:min(60, len(t.Name()))], unique.n, time.Now().UnixNano())
}

func (f *fixture) connector(t testing.TB) store.Connector {
	t.Helper()
	return must1(f.CreateConnector(t.Context(), store.Connector{
		Name: name(t), Type: "ldap", Config: json.RawMessage(`{"url":"ldaps://example"}`), Enabled: true,
	}))(t)
}

// running queues a run of a new connector and claims it.
func (f *fixture) running(t testing.TB, kind store.Kind) store.Claimed {
	t.Helper()
	return f.runAgain(t, f.connector(t), kind)
}

func (f *fixture) runAgain(t testing.TB, c store.Connector, kind store.Kind) store.Claimed {
	t.Helper()
	instance := "engine of " + c.ID
	c = must1(f.Connector(t.Context(), c.ID))(t)
	c.InstanceName = instance
	must1(f.UpdateConnector(t.Context(), c))(t)
	_, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: kind, Trigger: store.Manual, RequestedBy: "ann"})
	must(t, err)
	claimed, ok, err := f.Claim(t.Context(), store.Claimant{Instance: instance, Incarnation: "1", TTL: time.Minute})
	must(t, err)
	if !ok || claimed.Connector.ID != c.ID {
		t.Fatalf("the queued run was not claimed: %+v", claimed)
	}
	return claimed
}

func (f *fixture) begin(t testing.TB, c store.Claimed) *store.Import {
	t.Helper()
	return must1(f.BeginImport(t.Context(), importOf(c)))(t)
}

func importOf(c store.Claimed) store.ImportConfig {
	return store.ImportConfig{Lease: c.Lease, RunID: c.Run.ID, Full: c.Run.Kind == store.Full, TraceID: "trace"}
}

// importAll does a whole run of the objects and releases the lease.
func (f *fixture) importAll(t testing.TB, c store.Claimed, objects ...identity.Object) store.Counts {
	t.Helper()
	i := f.begin(t, c)
	must1(i.Stage(t.Context(), store.Batch{Objects: objects}))(t)
	counts := must1(i.Complete(t.Context(), "", c.Run.Kind == store.Full))(t)
	must(t, f.ReleaseLease(t.Context(), c.Lease))
	return counts
}

func person(anchor string, values ...string) identity.Object {
	o := identity.Object{Anchor: anchor, Type: "user", Attributes: []identity.Attribute{{Name: "displayName", Values: values}}}
	o.Normalize()
	return o
}

func people(n int) []identity.Object {
	list := make([]identity.Object, n)
	for k := range list {
		list[k] = person(fmt.Sprintf("anchor-%06d", k), fmt.Sprint("name ", k))
	}
	return list
}

// present returns the anchors of a connector's objects by whether they are.
func (f *fixture) present(t testing.TB, connectorID string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for after := int64(0); ; {
		page := must1(f.ListObjects(t.Context(), connectorID, after, 500, false))(t)
		for _, o := range page {
			if _, twice := all[o.Anchor]; twice {
				t.Fatalf("%q is stored twice", o.Anchor)
			}
			all[o.Anchor], after = o.Present, o.ID
		}
		if len(page) < 500 {
			return all
		}
	}
}

// soon bounds a test's own waiting.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
