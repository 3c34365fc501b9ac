package property_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/purge"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

// IDENTITYMESH_TEST_SEEDS tries more of them.
const fixedSeeds = 100

func TestMigrationKeepsItsPromises(t *testing.T) {
	first, seeds := uint64(1), uint64(fixedSeeds)
	if text := os.Getenv(seedVariable); text != "" {
		if _, err := fmt.Sscan(text, &first); err != nil {
			t.Fatal(err)
		}
		seeds = 1
	} else if text := os.Getenv("IDENTITYMESH_TEST_SEEDS"); text != "" {
		if _, err := fmt.Sscan(text, &seeds); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			defer close(w.frozen)
			for range 12 + w.random.IntN(12) {
				w.between()
				w.command(w.choose())
			}
			w.mu.Lock()
			w.calm = true
			back := w.random.IntN(3) == 0
			w.mu.Unlock()
			w.finish(back)
			w.judge(back)
		})
	}
}

// The commands.
const (
	doPlan = iota
	doRun
	doVerify
	doSwitch
	doSoak
	doRollback
	doPurge
)

// choose takes mostly what an operator would, and sometimes anything.
func (w *world) choose() int {
	counts, err := w.ledger.Counts(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	of := func(commands ...int) int { return commands[w.random.IntN(len(commands))] }
	switch {
	case w.random.IntN(4) == 0:
		return of(doPlan, doRun, doVerify, doSwitch, doSoak, doRollback, doPurge)
	case counts[ledger.Soaking] > 0:
		return of(doPurge, doRollback, doRollback, doVerify, doSwitch)
	case counts[ledger.Switched] > 0:
		return of(doSoak, doSoak, doSwitch, doRollback)
	case len(counts) == 0 || counts[ledger.Blocked]+counts[ledger.RolledBack] > 0 && w.random.IntN(2) == 0:
		return doPlan
	case counts[ledger.Planned]+counts[ledger.Copied]+counts[ledger.Drifted] > 0:
		return doRun
	}
	return of(doSwitch, doSwitch, doRollback)
}

// command runs one to its end, or until it dies.
func (w *world) command(which int) error {
	ended := make(chan error, 1)
	// A process has its own view of everything, which dies with it.
	pair := &stores.Pair{From: w.stores[source].Store(), To: w.stores[target].Store()}
	l, crash := w.ledger, w.crash
	go func() { ended <- w.run(which, l, pair) }()
	select {
	case err := <-ended:
		w.tell("%s ended: %v", [...]string{"plan", "run", "verify", "switch", "soak", "rollback", "purge"}[which], err)
		if err != nil {
			w.said.WriteString(err.Error())
		}
		return err
	case <-crash:
		w.open()
		return errors.New("killed")
	case <-time.After(time.Minute):
		w.t.Fatal("a command hangs")
		return nil
	}
}

func (w *world) run(which int, l *ledger.Ledger, pair *stores.Pair) error {
	ctx := context.Background()
	prints := stores.NewFingerprints()
	everything := transfer.Config{Ledger: l, Pair: pair, Fingerprints: prints, Concurrency: 1, Replace: func(secret.Ref) bool { return true }}
	h := handover.New(handover.Config{
		Ledger: l, Source: handover.Side{Store: pair.From, Wanted: cutover.Wanted{Provider: source}},
		Target:   handover.Side{Store: pair.To, Wanted: cutover.Wanted{Provider: target}},
		Settings: w, Processes: w, Uses: w.uses, Now: time.Now, Say: func(text string) { w.said.WriteString(text) },
	})
	var err error
	switch which {
	case doPlan:
		uses, _ := w.uses(ctx)
		_, err = plan.Make(ctx, plan.Config{Ledger: l, Pair: pair, Uses: uses, Fingerprints: prints, Concurrency: 1})
	case doRun:
		_, err = transfer.Run(ctx, everything)
	case doVerify:
		_, err = transfer.Verify(ctx, everything)
	case doSwitch:
		o := handover.SwitchOptions{AllowBlocked: w.blocked(ctx, l), Verify: func(ctx context.Context) error {
			_, err := transfer.Verify(ctx, everything)
			return err
		}}
		_, err = h.Switch(ctx, o)
	case doSoak:
		var s *soak.Soak
		if s, err = soak.Open(ctx, soak.Config{Ledger: l, Target: pair.To, Runs: w, Uses: w.uses, For: time.Millisecond, Poll: time.Millisecond,
			Now: time.Now, Say: func(string) {}}); err == nil {
			_, err = s.Watch(ctx)
		}
	case doRollback:
		_, err = h.Rollback(ctx, handover.RollbackOptions{})
		if both := (*diag.InvalidError)(nil); errors.As(err, &both) {
			_, err = h.Rollback(ctx, w.decide()) // the operator knows which one is newer
		}
	case doPurge:
		_, err = purge.Purge(ctx, purge.Config{Ledger: l, Source: pair.From, Target: pair.To})
	}
	return err
}

// blocked are the refs that do not get ahead, but for those whose newest value the
// target does not have.
func (w *world) blocked(ctx context.Context, l *ledger.Ledger) (list []secret.Ref) {
	_ = l.Entries(ctx, []ledger.State{ledger.Blocked}, func(e ledger.Entry) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		v, _ := w.stores[target].Value(e.Ref)
		if number(v) == w.newest[e.Ref] || !slices.Contains(w.used, e.Ref) {
			list = append(list, e.Ref)
		}
		return nil
	})
	return list
}

func (w *world) decide() handover.RollbackOptions {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := handover.RollbackOptions{KeepSource: map[secret.Ref]bool{}, KeepTarget: map[secret.Ref]bool{}}
	for ref := range w.newest {
		a, _ := w.stores[source].Value(ref)
		b, _ := w.stores[target].Value(ref)
		if number(a) > number(b) {
			o.KeepSource[ref] = true
		} else {
			o.KeepTarget[ref] = true
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(w.newest)) {
		if w.one(6) { // after the operator looked
			w.set(w.admin, ref)
		}
	}
	return o
}

// finish brings the migration to its end, when nothing goes wrong any more.
func (w *world) finish(back bool) {
	counts, err := w.ledger.Counts(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if begun, err := w.ledger.Note(context.Background(), ledger.NoteBackBegan); err != nil || begun != "" {
		if err := w.command(doRollback); err != nil {
			w.t.Errorf("the rollback that was begun: %v", err)
		}
	}
	way := []int{doPlan, doRun, doSwitch, doSoak, doPurge}
	if back && counts[ledger.Purged] == 0 {
		way = []int{doRollback}
	}
	var last error
	for range 3 { // what was begun before may have to be ended first
		for _, c := range way {
			if last = w.command(c); last != nil {
				w.t.Logf("command %d: %v", c, last)
			}
		}
	}
	if last != nil {
		w.t.Errorf("it does not come to an end: %v", last)
	}
}

// judge looks at what is left.
func (w *world) judge(back bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine != w.settings || w.admin != w.settings {
		w.t.Errorf("the settings say %s, the engine uses %s and the admin %s", w.settings, w.engine, w.admin)
	}
	for ref, n := range w.newest {
		v, there := w.stores[w.settings].Value(ref)
		if e, err := w.ledger.Entry(context.Background(), ref); err == nil && e.State == ledger.Blocked && !slices.Contains(w.used, ref) {
			continue // left behind, as was allowed
		}
		if got := number(v); !there || got != n {
			s, _ := w.stores[source].Value(ref)
			t, _ := w.stores[target].Value(ref)
			w.t.Errorf("%s: the newest value is %d, and %s, which is in force, has %d (source %q, target %q)", ref, n, w.settings, got, s, t)
		}
	}
	if strings.Contains(w.said.String(), canary) {
		w.t.Error("a value was said")
	}
	files := 0
	err := filepath.WalkDir(w.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		body, err := os.ReadFile(path)
		if strings.Contains(string(body), canary) {
			w.t.Errorf("a value is in %s", path)
		}
		return err
	})
	if err != nil || files == 0 {
		w.t.Errorf("searched %d files, %v", files, err)
	}
	if _, err := w.ledger.Fingerprint(context.Background()); err != nil {
		w.t.Errorf("the ledger: %v", err)
	}
}
