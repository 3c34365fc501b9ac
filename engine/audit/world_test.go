package audit_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// world is a log whose time the test decides.
type world struct {
	*audit.Log
	t      *testing.T
	db     *productdb.DB
	folder string
	key    *audit.Key

	mu sync.Mutex
	at time.Time
}

var monday = time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), at: monday}
	_, w.db = open(t, filepath.Join(w.folder, "db"))
	w.Log = audit.On(w.db, w.now)
	var err error
	if w.key, err = audit.OpenKey(w.folder, true); err != nil {
		t.Fatal(err)
	}
	w.Trust(w.key.Public())
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// acts records an action an hour, n of them.
func (w *world) acts(n int) {
	w.t.Helper()
	for i := range n {
		act(w.t, w.Log, fmt.Sprint("target ", i), nil)
		w.pass(time.Hour)
	}
}

// changes adds a record an hour to a connector's chain, n of them.
func (w *world) changes(connector string, n int) {
	w.t.Helper()
	for i := range n {
		err := w.db.InWriteTx(w.t.Context(), func(tx *sql.Tx) error {
			o, err := w.Objects(w.t.Context(), tx, connector)
			if err == nil {
				err = o.Add(w.t.Context(), fmt.Sprint("run ", i), audit.ObjectsChanged, fmt.Appendf(nil, `{"anchor":"a%d","change":"added"}`+"\n", i))
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Hour)
	}
}

func (w *world) exec(text string) {
	w.t.Helper()
	if _, err := w.db.Write.ExecContext(w.t.Context(), text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) export(connector string) []byte {
	w.t.Helper()
	var out bytes.Buffer
	err := w.Export(w.t.Context(), &out)
	if connector != "" {
		out.Reset()
		err = w.ExportObjects(w.t.Context(), connector, &out)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Bytes()
}

func (w *world) prune(chain string, before time.Time) int64 {
	w.t.Helper()
	n, err := w.Prune(w.t.Context(), chain, before, w.key, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
