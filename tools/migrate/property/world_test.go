package property_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// canary is in every value.
const canary = "canary-51c2"

// The stores, as settings and processes call them.
const (
	source = "s"
	target = "t"
)

// world is an installation in which anything can happen at each call of a store. One
// thing happens at a time, so that a seed says what happens.
type world struct {
	t      *testing.T
	folder string
	ledger *ledger.Ledger
	random *rand.Rand
	stores map[string]*fakestore.Fake

	mu sync.Mutex
	// calm is when nothing goes wrong any more.
	calm bool
	// settings name a store, and each process uses one.
	settings      string
	engine, admin string
	// trouble of a store: how many calls it lasts, and what it answers.
	trouble map[string]*trouble
	// newest value that was set of each ref, and the newest that each store had.
	newest map[secret.Ref]int
	had    map[string]map[secret.Ref]int
	count  int
	refs   int
	// calls is how many go well between two troubles, as a rule.
	calls int
	used  []secret.Ref
	said  strings.Builder
	// crash is closed when the process dies; frozen lets what is left of it go.
	crash, frozen chan struct{}
}

type trouble struct {
	calls  int
	call   string // only this one; empty for all
	answer fault.Reason
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, folder: t.TempDir(), random: rand.New(rand.NewPCG(seed, 7)), settings: source, engine: source, admin: source,
		stores:  map[string]*fakestore.Fake{source: fakestore.New(source), target: fakestore.New(target)},
		trouble: map[string]*trouble{source: {}, target: {}},
		newest:  map[secret.Ref]int{}, had: map[string]map[secret.Ref]int{source: {}, target: {}}, frozen: make(chan struct{})}
	w.stores[source].Conditional, w.stores[source].Soft = w.random.IntN(2) == 0, w.random.IntN(2) == 0
	w.stores[target].Conditional, w.stores[target].Soft = w.random.IntN(2) == 0, w.random.IntN(2) == 0
	w.calls = []int{60, 300, 1500}[w.random.IntN(3)]
	w.refs = 3 + w.random.IntN(4)
	for n := range w.refs {
		ref := secret.Ref(fmt.Sprintf("secret://r/%d", n))
		if w.random.IntN(6) == 0 { // it was there once, or somebody tried
			w.stores[target].Put(ref, value(ref, 0))
			if w.random.IntN(2) == 0 {
				_ = w.stores[target].Delete(context.Background(), ref)
			}
		}
		w.set(source, ref)
		if n%3 != 2 {
			w.used = append(w.used, ref)
		}
	}
	for name, f := range w.stores {
		f.Before = func(call string, ref secret.Ref) error { return w.before(name, call) }
		f.After = func(call string, ref secret.Ref) error { return w.after(name, call, ref) }
	}
	w.open()
	if err := w.ledger.Found(t.Context(), ledger.Migration{ID: "m", From: ledger.Side{Provider: source, Store: "s.test"}, To: ledger.Side{Provider: target, Store: "t.test"}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// open is the start of a process.
func (w *world) open() {
	var err error
	w.crash = make(chan struct{})
	if w.ledger, err = ledger.Open(context.Background(), ledger.Config{Folder: w.folder, Create: true, Who: "user ann", Host: "h"}); err != nil {
		w.t.Fatal(err)
	}
}

func value(ref secret.Ref, n int) string { return fmt.Sprintf("%s %s #%d", canary, ref, n) }

func number(value string) int {
	_, text, _ := strings.Cut(value, "#")
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// set is an operator's, in the store that the admin process uses.
func (w *world) set(in string, ref secret.Ref) {
	w.count++
	w.tell("%s is set to %d in %s", ref, w.count, in)
	w.stores[in].Put(ref, value(ref, w.count))
	w.newest[ref], w.had[in][ref] = w.count, w.count
}

// tell keeps what happened, for whoever looks into a failure.
func (w *world) tell(format string, args ...any) {
	if os.Getenv(seedVariable) != "" {
		w.t.Logf(format, args...)
	}
}

// seedVariable repeats one seed and tells what happens.
const seedVariable = "IDENTITYMESH_TEST_SEED"

// one is true once in n times, and never when all is calm.
func (w *world) one(n int) bool { return !w.calm && w.random.IntN(n) == 0 }

// happen lets something happen beside the migration.
func (w *world) happen() {
	if w.one(12) {
		w.set(w.admin, secret.Ref(fmt.Sprintf("secret://r/%d", w.random.IntN(w.refs))))
	}
	if w.one(200) {
		w.set(w.admin, secret.Ref(fmt.Sprintf("secret://new/%d", w.count)))
	}
	if w.one(100) {
		w.engine = w.settings // it was started again
	}
	if w.one(100) {
		w.admin = w.settings
	}
}

// between lets a connector come while nobody migrates, with a secret of its own: where
// all use one store, it is readable there from then on. Between two commands can be days.
func (w *world) between() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == w.settings && w.admin == w.settings && w.one(3) {
		ref := secret.Ref(fmt.Sprintf("secret://connector/%d", w.count))
		w.set(w.admin, ref)
		w.used = append(w.used, ref)
	}
}

// die stops this process for ever, as a kill does, once in n times.
func (w *world) die(n int) {
	if !w.one(n) {
		return
	}
	w.tell("killed")
	close(w.crash)
	w.mu.Unlock()
	<-w.frozen
	w.mu.Lock()
	runtime.Goexit()
}

// enter lets one thing happen at a time, and nothing once the test is over.
func (w *world) enter() {
	w.mu.Lock()
	select {
	case <-w.frozen:
		w.mu.Unlock()
		runtime.Goexit()
	default:
	}
}

func (w *world) before(in, call string) error {
	w.enter()
	defer w.mu.Unlock()
	w.die(2 * w.calls)
	// A store that does not compare and set in one step gives way to whoever sets in
	// that very moment.
	if call != "set" || w.stores[in].Conditional {
		w.happen()
	}
	w.check()
	t := w.trouble[in]
	if t.calls == 0 && w.one(w.calls) {
		*t = []trouble{{1 + w.random.IntN(8), "", fault.Unavailable}, {1 + w.random.IntN(3), "", fault.Throttled},
			{1 + w.random.IntN(4), "set", fault.AccessDenied}, {1 + w.random.IntN(3), "", fault.Timeout}}[w.random.IntN(4)]
	}
	if w.calm {
		t.calls = 0
	}
	if t.calls > 0 && (t.call == "" || t.call == call) {
		t.calls--
		return fault.New(t.answer, fault.SourceBackend, "trouble of "+in)
	}
	return nil
}

func (w *world) after(in, call string, ref secret.Ref) error {
	w.enter()
	defer w.mu.Unlock()
	if call == "set" {
		v, _ := w.stores[in].Value(ref)
		w.tell("the migration set %s to %d in %s", ref, number(v), in)
		if n := number(v); n < w.had[in][ref] {
			w.t.Errorf("%s: in %s value %d was replaced by the older %d", ref, in, w.had[in][ref], n)
		} else {
			w.had[in][ref] = n
		}
	}
	w.die(2 * w.calls)
	w.check()
	if call != "get" || w.stores[in].Conditional {
		w.happen()
	}
	if (call == "set" || call == "delete") && w.one(w.calls/4) {
		return fault.New([]fault.Reason{fault.Unavailable, fault.Timeout, fault.Internal}[w.random.IntN(3)], fault.SourcePlugin, "the answer of "+in+" was lost")
	}
	return nil
}

// check looks whether what connectors use can be read where the engine reads it.
func (w *world) check() {
	for _, ref := range w.used {
		if _, there := w.stores[w.engine].Value(ref); !there {
			w.t.Errorf("%s is not readable in %s, which is in force", ref, w.engine)
		}
	}
}

// Check, Write and Await are the settings and the processes.
func (w *world) Check(cutover.Wanted) error { return nil }

func (w *world) Write(wanted cutover.Wanted, _ time.Time) (cutover.Backups, error) {
	w.enter()
	defer w.mu.Unlock()
	w.die(20)
	if w.one(20) {
		return nil, fault.New(fault.AccessDenied, fault.SourceHost, "the settings are not writable now")
	}
	w.settings = wanted.Provider
	w.die(20)
	return cutover.Backups{}, nil
}

func (w *world) Await(_ context.Context, wanted cutover.Wanted) ([]store.Instance, error) {
	w.enter()
	defer w.mu.Unlock()
	processes := []*string{&w.engine, &w.admin}
	w.random.Shuffle(2, func(i, j int) { processes[i], processes[j] = processes[j], processes[i] })
	for _, p := range processes {
		// Both stores are in force now, for one or the other: what is set here is what
		// could be lost.
		for w.one(2) {
			w.set(w.admin, secret.Ref(fmt.Sprintf("secret://r/%d", w.random.IntN(2))))
		}
		if w.one(4) {
			w.set(w.admin, secret.Ref(fmt.Sprintf("secret://new/%d", w.count)))
		}
		w.die(20)
		if w.one(15) {
			return nil, &cutover.LateError{Wanted: wanted}
		}
		*p = wanted.Provider
		w.check()
	}
	for w.one(2) {
		w.set(w.admin, secret.Ref(fmt.Sprintf("secret://r/%d", w.random.IntN(2))))
	}
	return []store.Instance{{Role: store.RoleEngine, Name: "e"}, {Role: store.RoleAdminAPI, Name: "a"}}, nil
}

func (w *world) uses(context.Context) (map[secret.Ref][]string, error) {
	out := map[secret.Ref][]string{}
	for _, ref := range w.used {
		out[ref] = []string{"directory"}
	}
	return out, nil
}

// ListRuns is a run of the one connector that just ended.
func (w *world) ListRuns(_ context.Context, f store.RunFilter, _ int) ([]store.Run, error) {
	if f.Before > 0 {
		return nil, nil
	}
	w.enter()
	defer w.mu.Unlock()
	w.count++
	now := time.Now()
	return []store.Run{{Seq: int64(w.count), ConnectorName: "directory", Status: store.Succeeded, Queued: now, Started: now, Finished: now}}, nil
}
