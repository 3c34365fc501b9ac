package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/connector/ldap"
	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	importPeople = 50_000
	importRounds = 7
	pageSize     = 1000
	bindRef      = secret.Ref("secret://bench/directory/password")
	// engineGC is the collector's setting that the engine itself runs with; both
	// sides of the ratio get it.
	engineGC = 200
)

// LDAPImport compares a full import into an empty SQLite database with go-ldap
// alone paging through the same entries and throwing them away.
func LDAPImport(ctx context.Context, e Env) ([]Figure, error) {
	server, err := ldaptest.Start(ctx, ldaptest.Config{People: importPeople})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(engineGC))
	var ours, theirs, ratios []float64
	for round := range importRounds + 1 {
		begin := time.Now()
		n, err := page(server)
		if err != nil || n != importPeople {
			return nil, fmt.Errorf("go-ldap read %d entries: %w", n, err)
		}
		alone := time.Since(begin)
		w, err := newImporter(ctx, filepath.Join(e.Dir, fmt.Sprintf("import%d", round)), server, nil)
		if err != nil {
			return nil, err
		}
		begin = time.Now()
		r, err := w.run(ctx, store.Full)
		took := time.Since(begin)
		_ = w.store.Close()
		if err != nil || r.Counts.Added != importPeople {
			return nil, fmt.Errorf("import: %+v: %w", r, err)
		}
		if round == 0 {
			continue
		}
		theirs, ours = append(theirs, alone.Seconds()), append(ours, took.Seconds())
		ratios = append(ratios, alone.Seconds()/took.Seconds())
	}
	e.say("ldap_import: %.0f entries/s imported, %.0f entries/s by go-ldap alone", importPeople/median(ours), importPeople/median(theirs))
	return []Figure{{Name: "ldap_import_vs_goldap", Value: median(ratios), Goal: 0.80, AtLeast: true}}, nil
}

// page reads everything with go-ldap, a page at a time, asking for what the
// import asks for.
func page(s *ldaptest.Server) (n int, err error) {
	conn, err := goldap.DialURL(fmt.Sprintf("ldap://%s:%d", s.Host, s.Port))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.Bind(ldaptest.SyncDN, s.Password); err != nil {
		return 0, err
	}
	paging := goldap.NewControlPaging(pageSize)
	for {
		result, err := conn.Search(goldap.NewSearchRequest(ldaptest.PeopleDN, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=inetOrgPerson)", []string{"*", "entryUUID", "modifyTimestamp"}, []goldap.Control{paging}))
		if err != nil {
			return n, err
		}
		n += len(result.Entries)
		next, ok := goldap.FindControl(result.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return n, nil
		}
		paging.SetCookie(next.Cookie)
	}
}

// DeltaStatements counts the rows that a delta of 100 changes in 50,000 objects
// reads and writes in the table of objects: one each for every change, and reads
// of the few entries that the overlap of the watermark brings again.
func DeltaStatements(ctx context.Context, e Env) ([]Figure, error) {
	const changes = 100
	server, err := ldaptest.Start(ctx, ldaptest.Config{People: importPeople})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	count := &counter{rows: map[string]int{}}
	w, err := newImporter(ctx, filepath.Join(e.Dir, "delta"), server, count.add)
	if err != nil {
		return nil, err
	}
	defer w.store.Close()
	if _, err := w.run(ctx, store.Full); err != nil {
		return nil, err
	}
	if err := server.ModifyPeople(ctx, 0, changes, "Changed for the benchmark"); err != nil {
		return nil, err
	}
	count.reset()
	r, err := w.run(ctx, store.Delta)
	if err != nil || r.Counts.Updated != changes {
		return nil, fmt.Errorf("delta: %+v: %w", r.Counts, err)
	}
	read, written := count.objects()
	e.say("delta_statements: %d statements; object rows read %d, written %d; by name %v", count.statements, read, written, count.rows)
	return []Figure{{Name: "delta_statements", Value: float64(read+written) / (2 * changes), Goal: 1.01}}, nil
}

type counter struct {
	mu         sync.Mutex
	rows       map[string]int
	statements int
}

func (c *counter) add(name string, rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[name] += rows
	c.statements++
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.rows)
	c.statements = 0
}

// objects returns how many rows of the table of objects were read and written.
func (c *counter) objects() (read, written int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rows["look up objects"], c.rows["insert objects"] + c.rows["update objects"] + c.rows["mark absent"]
}

// importer is a store with one LDAP connector and the engine's own runner.
type importer struct {
	store  *store.Store
	runner *run.Runner
	id     string
}

func newImporter(ctx context.Context, folder string, server *ldaptest.Server, onStatement func(string, int)) (*importer, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{DB: productdb.Config{DataFolder: folder}, OnStatement: onStatement})
	if err != nil {
		return nil, err
	}
	c, err := db.CreateConnector(ctx, store.Connector{Name: "bench", Type: ldap.Kind{}.Name(), Enabled: true, Config: connectorConfig(server)})
	if err != nil {
		return nil, err
	}
	return &importer{store: db, id: c.ID, runner: run.New(run.Config{
		Store: db, Kinds: connector.NewKinds(ldap.Kind{}), Secrets: password(server.Password),
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(), Now: time.Now,
		LeaseTTL: time.Minute, Timeout: time.Hour, SecretTimeout: time.Minute,
	})}, nil
}

func connectorConfig(server *ldaptest.Server) json.RawMessage {
	config, _ := json.Marshal(map[string]any{
		"host": server.Host, "port": server.Port, "security": "none", "baseDn": ldaptest.PeopleDN,
		"bindDn": ldaptest.SyncDN, "passwordSecretRef": bindRef, "pageSize": pageSize,
	})
	return config
}

// password is a provider that knows one.
type password string

func (p password) Get(context.Context, secret.Ref, secret.Version) (secret.Secret, error) {
	return secret.Secret{Value: secret.NewValue([]byte(p))}, nil
}

func (w *importer) run(ctx context.Context, kind store.Kind) (store.Run, error) {
	if _, _, err := w.store.Enqueue(ctx, store.NewRun{ConnectorID: w.id, Kind: kind, Trigger: store.Manual}); err != nil {
		return store.Run{}, err
	}
	claimed, ok, err := w.store.Claim(ctx, store.Claimant{Instance: "bench", Incarnation: "1", TTL: time.Minute})
	if err != nil || !ok {
		return store.Run{}, fmt.Errorf("claim (%v): %w", ok, err)
	}
	w.runner.Run(ctx, claimed)
	r, err := w.store.Run(ctx, claimed.Run.ID)
	if err == nil && r.Status != store.Succeeded {
		err = fmt.Errorf("the run %s: %s: %s", r.Status, r.Reason, r.Error)
	}
	return r, err
}
